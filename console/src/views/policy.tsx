// The policy: kill switches, the document with its differences before it is written, and the components' health.

import { useState } from "preact/hooks";
import { percent } from "../format";
import { useAnswer, type Live } from "../live";
import type { Change } from "../parts/confirm";
import { Chip, Notice, Skeleton } from "../parts/notice";
import type { Health, Session, Status } from "../types";
import { switchStory } from "./now";

interface Props { live: Live; session: Session; ask: (change: Change) => void }

const SWITCHES = [
  ["disable_canary", "Disable the canary", "All visitors get stable. The rollout stays at its step."],
  ["disable_writes", "Disable writes", "Requests other than GET, HEAD and OPTIONS get 503."],
  ["maintenance", "Maintenance", "Every request gets 503."],
] as const;

export function PolicyView({ live: { status }, session, ask }: Props) {
  const isAdmin = session.role === "admin";
  return (
    <>
      <div class="two">
        <section class="card" aria-labelledby="switches">
          <header><h2 id="switches">Kill switches</h2></header>
          {!status ? <Skeleton /> : (
            <ul class="rows">
              {SWITCHES.map(([name, title, effect]) => {
                const state = status.switches[name] ?? { on: false };
                return (
                  <li key={name}>
                    <div>
                      <span class="title">
                        {title} {state.on ? <Chip tone="bad" icon="stop">on</Chip> : <Chip icon="none">off</Chip>}
                        {isAdmin && <button class="button" style={{ marginLeft: "auto" }} onClick={() => ask(toggle(name, title, effect, state.on))}>{state.on ? "Clear…" : "Turn on…"}</button>}
                      </span>
                      <span class="small muted">{state.on ? switchStory(state) : effect}</span>
                    </div>
                  </li>
                );
              })}
            </ul>
          )}
        </section>
        <Components />
      </div>
      {status && <Document status={status} session={session} ask={ask} />}
    </>
  );
}

function toggle(name: string, title: string, effect: string, isOn: boolean): Change {
  const body: Record<string, unknown> = { on: !isOn };
  const until = (value: string) => {
    if (value) body.until = new Date(value).toISOString();
    else delete body.until;
  };
  return {
    title: isOn ? `Clear “${title}”?` : `${title}?`,
    effect: <p>{isOn ? "The effect of the switch ends," : effect + " It takes effect"} within seconds in busy locations and within a minute everywhere.</p>,
    verb: isOn ? "Clear the switch" : "Turn on",
    tone: isOn ? "primary" : "danger",
    method: "PUT",
    path: `switches/${name}`,
    body,
    fields: !isOn && (
      <label class="field">
        Until <span class="hint">optional, in your time: the switch then turns itself off</span>
        <input type="datetime-local" onInput={(event) => until(event.currentTarget.value)} />
      </label>
    ),
  };
}

function Components() {
  const { answer, error, again } = useAnswer<Health>("../health?detailed=true");
  return (
    <section class="card" aria-labelledby="components">
      <header><h2 id="components">Components</h2><button class="button quiet" onClick={again}>Check again</button></header>
      {error && <Notice tone="bad" title="/health cannot be read.">{error.message}</Notice>}
      {!answer && !error && <Skeleton />}
      {answer && !answer.components && <p class="empty">Details of /health need the token, and this session's was refused.</p>}
      <ul class="rows">
        {Object.entries(answer?.components ?? {}).map(([name, { status, latencyMs, message }]) => (
          <li key={name}>
            <div>
              <span class="title small">
                {name}
                <Chip tone={status === "ok" ? "good" : status === "down" ? "bad" : "warn"} icon={status === "ok" ? "check" : "warn"}>{status}</Chip>
                {latencyMs !== undefined && <span class="muted" style={{ marginLeft: "auto", fontWeight: 400 }}>{latencyMs} ms</span>}
              </span>
              {message && <span class="small muted">{message}</span>}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Document({ status, session, ask }: { status: Status; session: Session; ask: (change: Change) => void }) {
  const isAdmin = session.role === "admin";
  const { answer, error, again } = useAnswer<{ state: unknown }>(isAdmin ? "state" : undefined);
  const [edited, setEdited] = useState<string>();
  const { policy } = status;
  if (!isAdmin) {
    return (
      <section class="card" aria-labelledby="document">
        <header><h2 id="document">Policy in force</h2></header>
        <dl class="facts">
          <div><dt>Canary</dt><dd>{policy.enabled ? "enabled" : "disabled"}</dd></div>
          <div><dt>Share</dt><dd>{policy.percentage === null ? "–" : percent(policy.percentage)}</dd></div>
          <div><dt>Salt</dt><dd class="mono">{policy.rolloutId || "–"}</dd></div>
          <div><dt>Rules</dt><dd>{policy.rules ?? "–"}</dd></div>
        </dl>
        <p class="small muted">The document itself is read and written with ADMIN_TOKEN.</p>
      </section>
    );
  }
  const before = answer ? (typeof answer.state === "string" ? answer.state : JSON.stringify(answer.state ?? {}, null, 2)) : "";
  const text = edited ?? before;
  const parsed = parse(text);
  const isChanged = edited !== undefined && edited !== before;
  const write = () => {
    if (!("state" in parsed)) return;
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
      body: { state: parsed.state },
      epoch: status.epoch,
      done: () => {
        setEdited(undefined);
        again();
      },
    });
  };
  return (
    <section class="card" aria-labelledby="document">
      <header><h2 id="document">canary-state</h2><p>{policy.rules ? `${policy.rules} rules in force` : "no rules in force"}</p></header>
      {error && <Notice tone="bad" title="The document cannot be read.">{error.message}</Notice>}
      {!answer && !error ? <Skeleton lines={7} /> : (
        <>
          <label class="field">
            Document
            <textarea spellcheck={false} value={text} aria-invalid={"fault" in parsed} aria-describedby="fault" onInput={(event) => setEdited(event.currentTarget.value)} />
          </label>
          <div id="fault" aria-live="polite">{"fault" in parsed && <Notice tone="bad" title="Not JSON:">{parsed.fault}</Notice>}</div>
          <div class="buttons">
            <button class="button primary" disabled={!isChanged || "fault" in parsed} onClick={write}>Review and write…</button>
            <button class="button" disabled={!isChanged} onClick={() => setEdited(undefined)}>Discard changes</button>
          </div>
        </>
      )}
    </section>
  );
}

function parse(text: string): { state: unknown } | { fault: string } {
  try {
    return { state: JSON.parse(text || "null") };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

type Line = ["add" | "remove" | "same", string];

/** Lines that were added and removed, by the longest common subsequence. */
export function difference(before: string, after: string): Line[] {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  const lengths = Array.from({ length: old.length + 1 }, () => new Array<number>(fresh.length + 1).fill(0));
  const at = (row: number, column: number) => lengths[row]?.[column] ?? 0;
  for (let row = old.length - 1; row >= 0; row--) {
    for (let column = fresh.length - 1; column >= 0; column--) {
      lengths[row]![column] = old[row] === fresh[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < old.length || column < fresh.length) {
    if (row < old.length && column < fresh.length && old[row] === fresh[column]) {
      lines.push(["same", old[row++] ?? ""]);
      column++;
    } else if (row < old.length && (column >= fresh.length || at(row + 1, column) >= at(row, column + 1))) lines.push(["remove", old[row++] ?? ""]);
    else lines.push(["add", fresh[column++] ?? ""]);
  }
  return lines;
}
