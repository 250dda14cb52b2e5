// Halt: always there, one click, an optional reason, no question. What stops a canary must never wait for a dialog.

import { useState } from "preact/hooks";
import { command, Problem } from "../api";
import { localised, percent, time } from "../format";
import { refresh } from "../live";
import type { CommandAnswer, Session, Status } from "../types";
import type { Change } from "./confirm";
import { Icon } from "./icon";

export function Halt({ status, session, ask }: { status?: Status; session: Session; ask: (change: Change) => void }) {
  const [reason, setReason] = useState("");
  const [isSending, setSending] = useState(false);
  const [problem, setProblem] = useState("");

  if (session.role === "viewer") {
    return (
      <div class="halt">
        <div class="halt-row"><p class="muted">You are signed in as a viewer: this page changes nothing.</p></div>
      </div>
    );
  }
  if (status?.halt) {
    const { actor, at } = status.halt;
    return (
      <div class="halt">
        <div class="halt-row">
          <p><strong>Halted</strong> by {actor} at {time(at)}</p>
          <button class="button" onClick={() => ask(lift(status))}>Lift the halt…</button>
        </div>
      </div>
    );
  }
  const halt = async (event: Event) => {
    event.preventDefault();
    setSending(true);
    setProblem("");
    try {
      const { failed } = await command<CommandAnswer>("POST", "halt", {}, reason);
      if (failed?.controller) setProblem(`Halted by a switch in KV, because the controller did not answer: ${failed.controller}`);
      setReason("");
    } catch (error) {
      setProblem(`NOT halted: ${error instanceof Problem ? error.message : error}`);
    }
    setSending(false);
    refresh();
  };
  return (
    <div class="halt">
      {problem && <p role="alert"><strong>{problem}</strong></p>}
      <form onSubmit={halt} aria-label="Halt">
        <input aria-label="Reason of the halt, optional" placeholder="Reason (optional)" value={reason} maxLength={200} onInput={(event) => setReason(event.currentTarget.value)} />
        <button class="button danger big" type="submit" disabled={isSending}><Icon name="stop" />{isSending ? "Halting…" : "Halt canary"}</button>
      </form>
    </div>
  );
}

function lift({ halt, rollout, policy, epoch }: Status): Change {
  const over = rollout && ["rolled-back", "aborted"].includes(rollout.phase);
  const share = rollout && !over ? rollout.steps[rollout.step - 1]?.percentage : policy.percentage;
  return {
    title: "Lift the halt?",
    effect: (
      <p>
        {halt?.reason && <>Halted because: “{localised(halt.reason)}”. </>}
        {over ? "The rollout is over: its canary stays at 0 % until a new rollout starts." : `The canary gets visitors again, ${percent(share ?? 0)} of them where nothing else says otherwise. The rollout stays paused until it is resumed.`}
      </p>
    ),
    verb: "Lift the halt",
    method: "POST",
    path: "resume-canary",
    body: {},
    epoch,
  };
}
