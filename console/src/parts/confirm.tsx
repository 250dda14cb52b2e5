// Asks before a change, says what will happen, sends the epoch that was shown, and says who was faster.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { command, Problem, whoWasFaster } from "../api";
import { ago, percent } from "../format";
import { refresh } from "../live";
import { Notice } from "./notice";

export interface Change {
  title: string;
  /** The effect, as shown before the action. */
  effect: ComponentChildren;
  verb: string;
  tone?: "danger" | "primary";
  method: string;
  path: string;
  body: Record<string, unknown>;
  epoch?: number | null;
  /** Fields that belong to the change. */
  fields?: ComponentChildren;
  done?: () => void;
}

export function Confirm({ change, close }: { change: Change; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState("");
  const [isSending, setSending] = useState(false);
  const [failure, setFailure] = useState<{ title: string; detail: string }>();
  /** The share that the splitter wants confirmed. */
  const [percentage, setPercentage] = useState<number>();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);

  const send = async (event: Event) => {
    event.preventDefault();
    setSending(true);
    setFailure(undefined);
    try {
      const epoch = typeof change.epoch === "number" ? { epoch: change.epoch } : {};
      await command(change.method, change.path, { ...change.body, ...epoch, ...(percentage !== undefined && { percentage }) }, reason);
      refresh();
      change.done?.();
      close();
    } catch (error) {
      setPercentage(error instanceof Problem ? error.percentage : undefined);
      setFailure(await explained(error));
      refresh();
    }
    setSending(false);
  };

  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="confirm-title">
      <form onSubmit={send}>
        <h2 id="confirm-title">{change.title}</h2>
        <div>{change.effect}</div>
        {change.fields}
        <label class="field">
          Reason <span class="hint">optional, for the audit</span>
          <input value={reason} maxLength={200} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        {failure && <Notice tone="bad" title={failure.title} role="alert">{failure.detail}</Notice>}
        <div class="buttons">
          <button type="button" class="button" onClick={() => dialog.current?.close()}>Cancel</button>
          <button type="submit" class={`button ${change.tone ?? "primary"}`} disabled={isSending}>{isSending ? "Sending…" : percentage === undefined ? change.verb : `${change.verb}, at ${percent(percentage)}`}</button>
        </div>
      </form>
    </dialog>
  );
}

/** The error; of a conflict, the actor who was faster. */
export async function explained(error: unknown): Promise<{ title: string; detail: string }> {
  if (!(error instanceof Problem)) return { title: "That did not work.", detail: String(error) };
  if (error.percentage !== undefined) return { title: "Please confirm.", detail: error.detail };
  if (error.status !== 409) return { title: "That did not work.", detail: error.message };
  const first = await whoWasFaster();
  const who = first ? `${first.actor} was faster: ${first.action.replaceAll("-", " ")} ${ago(first.at)}. ` : "";
  return { title: "The rollout has changed.", detail: `${who}${error.detail}` };
}
