// The document `canary-state`: edited with its faults marked at their line, its differences shown before it is written, and its rules in words.

import { useEffect, useState } from "preact/hooks";
import { call, Problem } from "../api";
import { difference } from "../difference";
import { percent, ring } from "../format";
import { useAnswer } from "../live";
import { lineOf, syntaxFault, type Fault } from "../place";
import type { Change } from "../parts/confirm";
import { Editor } from "../parts/editor";
import { Chip, Notice, Skeleton } from "../parts/notice";
import type { Session, Status } from "../types";

interface Props { status: Status; session: Session; ask: (change: Change) => void }

export function Document({ status, session, ask }: Props) {
  return session.role === "admin" ? <EditedDocument status={status} ask={ask} /> : <PolicyInForce {...status.policy} />;
}

function EditedDocument({ status: { policy, epoch }, ask }: Omit<Props, "session">) {
  const { answer, error, again } = useAnswer<{ state: unknown }>("state");
  const [edited, setEdited] = useState<string>();
  const before = answer ? (typeof answer.state === "string" ? answer.state : JSON.stringify(answer.state ?? {}, null, 2)) : "";
  const text = edited ?? before;
  const isChanged = edited !== undefined && edited !== before;
  const fault = useFault(text, isChanged);
  const state = fault ? undefined : valueOf(text);
  const write = () =>
    ask({
      title: "Write canary-state?",
      effect: (
        <>
          <p>The whole document is replaced. A rollout under way pauses where its share was changed.</p>
          <pre class="diff" tabIndex={0} aria-label="Differences">{difference(before, text).map(([kind, line], index) => <span key={index} class={kind}>{{ add: "+ ", remove: "− ", same: "  " }[kind]}{line}{"\n"}</span>)}</pre>
        </>
      ),
      verb: "Write it",
      tone: "danger",
      method: "PUT",
      path: "state",
      body: { state },
      epoch,
      done: () => {
        setEdited(undefined);
        again();
      },
    });
  return (
    <section class="card" aria-labelledby="document">
      <header><h2 id="document">canary-state</h2><p>{policy.rules ? `${policy.rules} rules in force` : "no rules in force"}</p></header>
      {policy.error && <Notice tone="bad" title="Not in force:">{policy.error}</Notice>}
      {policy.warnings.map((warning) => <Notice key={warning} tone="warn" title="Note:">{warning}</Notice>)}
      {error && <Notice tone="bad" title="The document cannot be read.">{error.message}</Notice>}
      {!answer && !error ? <Skeleton lines={7} /> : (
        <>
          <Editor label="Document" text={text} mark={fault?.line} describedBy="fault" change={setEdited} />
          <div id="fault" class="fault" role="status">
            {fault && <Notice tone="bad" title={`Line ${fault.line + 1}:`}>{fault.message}</Notice>}
            {!fault && isChanged && <Notice title="Changed.">Nothing is written yet.</Notice>}
          </div>
          <div class="buttons">
            <button class="button primary" disabled={!isChanged || !!fault} onClick={write}>Review and write…</button>
            <button class="button" disabled={!isChanged} onClick={() => setEdited(undefined)}>Discard changes</button>
          </div>
          <Rules state={valueOf(text)} />
        </>
      )}
    </section>
  );
}

/** What is wrong with a document: its syntax at once, its fields by the splitter's check a moment after the last change. */
function useFault(text: string, isChanged: boolean): Fault | undefined {
  const [refused, setRefused] = useState<{ text: string } & Fault>();
  const fault = text === "" ? undefined : syntaxFault(text);
  const isChecked = isChanged && !fault;
  useEffect(() => {
    if (!isChecked) return;
    const timer = setTimeout(async () => {
      try {
        await call("PUT", "state?dryRun=true", { state: valueOf(text) });
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 422) return;
        setRefused({ text, line: lineOf(text, error.field ?? ""), message: error.message });
      }
    }, 400);
    return () => clearTimeout(timer);
  }, [text, isChecked]);
  return fault ?? (refused?.text === text ? refused : undefined);
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

interface Rule { match?: unknown; serve?: unknown }

function Rules({ state }: { state: unknown }) {
  const { rules } = (state ?? {}) as { rules?: unknown };
  if (!Array.isArray(rules) || rules.length === 0) return null;
  const served = (serve: unknown) => (typeof serve === "string" ? serve : `canary for ${percent(Number((serve as { percentage?: unknown } | undefined)?.percentage ?? 0), 3)}`);
  return (
    <div>
      <h3>Rules of this document</h3>
      <p class="small muted">The first one that matches decides, before the percentage.</p>
      <ol class="rows">
        {(rules as Rule[]).map((rule, index) => (
          <li key={index}>
            <div>
              <span class="title small">{index + 1}. {ring(rule?.match) || "everything"} <Chip tone={rule?.serve === "stable" ? "" : "canary"} icon={rule?.serve === "stable" ? "none" : "play"}>{served(rule?.serve)}</Chip></span>
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}

function PolicyInForce({ enabled, percentage, rolloutId, rules }: Status["policy"]) {
  return (
    <section class="card" aria-labelledby="document">
      <header><h2 id="document">Policy in force</h2></header>
      <dl class="facts">
        <div><dt>Canary</dt><dd>{enabled ? "enabled" : "disabled"}</dd></div>
        <div><dt>Share</dt><dd>{percentage === null ? "–" : percent(percentage)}</dd></div>
        <div><dt>Salt</dt><dd class="mono">{rolloutId || "–"}</dd></div>
        <div><dt>Rules</dt><dd>{rules ?? "–"}</dd></div>
      </dl>
      <p class="small muted">The document itself is read and written with ADMIN_TOKEN.</p>
    </section>
  );
}
