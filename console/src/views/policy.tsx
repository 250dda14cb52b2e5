// The policy: kill switches, the components' health, and the document.

import { zone } from "../format";
import { useAnswer, type Live } from "../live";
import type { Change } from "../parts/confirm";
import { Chip, Notice, Skeleton } from "../parts/notice";
import { SWITCHES, switchStory } from "../parts/switches";
import type { Health, Session } from "../types";
import { Document } from "./document";

interface Props { live: Live; session: Session; ask: (change: Change) => void }

export function PolicyView({ live: { status, audit }, session, ask }: Props) {
  const isAdmin = session.role === "admin";
  return (
    <>
      <div class="two uneven">
        <section class="card" aria-labelledby="switches">
          <header><h2 id="switches">Kill switches</h2></header>
          {!status ? <Skeleton /> : (
            <ul class="rows">
              {SWITCHES.map(({ name, title, effect }) => {
                const state = status.switches[name] ?? { on: false };
                return (
                  <li key={name}>
                    <div>
                      <span class="title">
                        {title} {state.on ? <Chip tone="bad" icon="stop">on</Chip> : <Chip icon="none">off</Chip>}
                        {isAdmin && <button class="button" style={{ marginLeft: "auto" }} onClick={() => ask(toggle(name, title, effect, state.on))}>{state.on ? "Clear…" : "Turn on…"}</button>}
                      </span>
                      <span class="small muted">{state.on ? switchStory(name, state, audit) : effect}</span>
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
        Until <span class="hint">optional, in your time ({zone()}): the switch then turns itself off</span>
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

