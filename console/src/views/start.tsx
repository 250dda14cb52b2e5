// A new rollout: a schedule, the server's own check of it, and what it will mean.

import { useEffect, useState } from "preact/hooks";
import { call, Problem } from "../api";
import { isOver, localised, percent, ring, span } from "../format";
import type { Live } from "../live";
import type { Change } from "../parts/confirm";
import { ExpectedPanel } from "../parts/expected";
import { Icon } from "../parts/icon";
import { Notice } from "../parts/notice";
import { Stairs } from "../parts/steps";
import { freezeOf, NO_WINDOWS, Windows } from "../parts/windows";
import type { CommandAnswer, Session } from "../types";

interface Props { live: Live; session: Session; ask: (change: Change) => void }
interface StepForm { percentage: string; hold: string; ring: Ring; places: string; approval: boolean }
type Ring = "country" | "colo";

const SCHEDULES = [
  ["standard", "Standard", "15 min a step", [5, 25, 50, 100]],
  ["fast", "Fast", "5 min a step", [10, 50, 100]],
  ["safe", "Safe", "30 min a step", [5, 10, 25, 50, 75, 100]],
  ["custom", "Custom", "rings, approvals and your own steps", [1, 20, 60, 100]],
] as const;

const FIRST: StepForm[] = [
  { percentage: "5", hold: "15m", ring: "country", places: "", approval: false },
  { percentage: "50", hold: "15m", ring: "country", places: "", approval: true },
  { percentage: "100", hold: "15m", ring: "country", places: "", approval: false },
];

export function Start({ live: { status }, session, ask }: Props) {
  const [schedule, setSchedule] = useState("standard");
  const [id, setId] = useState("");
  const [steps, setSteps] = useState(FIRST);
  const [windows, setWindows] = useState(NO_WINDOWS);
  const [check, setCheck] = useState<{ plan: string; answer?: CommandAnswer; problem?: Problem }>();
  const [isAnyway, setAnyway] = useState(false);
  const [confirmed, setConfirmed] = useState<number>();
  const freeze = freezeOf(windows);
  const plan = planOf(schedule, id, steps, { ...(freeze && { freeze }), ...(isAnyway && { anyway: true }), ...(confirmed !== undefined && { percentage: confirmed }) });
  const text = JSON.stringify(plan);
  const known = check?.plan === text ? check : undefined;

  // The check follows the form, a moment after the last change.
  useEffect(() => {
    const timer = setTimeout(async () => {
      try {
        setCheck({ plan: text, answer: await call<CommandAnswer>("POST", "rollouts?dryRun=true", plan) });
      } catch (error) {
        setCheck({ plan: text, problem: error instanceof Problem ? error : new Problem(0, "", "", String(error)) });
      }
    }, 400);
    return () => clearTimeout(timer);
  }, [text, status?.epoch, status?.rollout?.phase]);

  const isRunning = known?.problem?.status === 409 && status?.rollout && !isOver(status.rollout);
  const planned = known?.answer?.rollout?.steps;
  const start = () =>
    planned && ask({
      title: `Start ${known.answer?.rollout?.id ?? "the rollout"}?`,
      effect: (
        <>
          <p>The canary gets {percent(planned[0]?.percentage ?? 0)} of visitors{ring(planned[0]?.where) && ` where ${ring(planned[0]?.where)}`} at once, and {percent(100)} in {span(total(planned))} at the earliest. Serin rolls it back if it is worse than stable.</p>
          {known.answer?.warnings?.map((warning) => <Notice key={warning} tone="warn" title="Note:">{warning}</Notice>)}
        </>
      ),
      verb: "Start",
      method: "POST",
      path: "rollouts",
      body: plan,
      epoch: status?.epoch,
      done: () => {
        location.hash = "#/now";
      },
    });
  const { expected } = known?.answer ?? {};
  const change = (index: number, part: Partial<StepForm>) => setSteps(steps.map((step, at) => (at === index ? { ...step, ...part } : step)));
  const fieldOf = (index: number) => known?.problem?.field?.startsWith(`steps[${index}]`);

  return (
    <section class="card" aria-labelledby="start">
      <header><h2 id="start">New rollout</h2></header>
      <fieldset class="choices">
        <legend class="hidden-text">Schedule</legend>
        {SCHEDULES.map(([name, word, hint, shares]) => (
          <label class="choice" key={name}>
            <span class="head"><input type="radio" name="schedule" checked={schedule === name} onChange={() => setSchedule(name)} />{word}</span>
            <Stairs steps={name === "custom" && schedule === name ? steps.map(({ percentage }) => ({ percentage: Number(percentage) || 0 })) : shares.map((percentage) => ({ percentage }))} />
            <span class="small muted">{name === "custom" ? hint : `${shares.map((share) => `${share} %`).join(" → ")}, ${hint}`}</span>
          </label>
        ))}
      </fieldset>
      {schedule === "custom" && (
        <div class="form">
          {steps.map((step, index) => (
            <div class="step-form" key={index} role="group" aria-label={`Step ${index + 1}`}>
              <label class="field">Percent<input inputMode="decimal" value={step.percentage} aria-invalid={fieldOf(index)} onInput={(event) => change(index, { percentage: event.currentTarget.value })} /></label>
              <label class="field">Hold<input value={step.hold} placeholder="15m" aria-invalid={fieldOf(index)} onInput={(event) => change(index, { hold: event.currentTarget.value })} /></label>
              <div class="field wide">
                <label>
                  Only in{" "}
                  <select value={step.ring} onChange={(event) => change(index, { ring: event.currentTarget.value as Ring })}><option value="country">countries</option><option value="colo">locations</option></select>
                </label>
                <input aria-label={`Only in, of step ${index + 1}`} value={step.places} placeholder={step.ring === "country" ? "everywhere; or DE, AT" : "everywhere; or FRA, VIE"} aria-invalid={fieldOf(index)} onInput={(event) => change(index, { places: event.currentTarget.value })} />
              </div>
              <label class="check"><input type="checkbox" checked={step.approval} onChange={(event) => change(index, { approval: event.currentTarget.checked })} />Approval</label>
              <button class="button quiet" disabled={steps.length === 1} onClick={() => setSteps(steps.filter((_, at) => at !== index))} aria-label={`Remove step ${index + 1}`}><Icon name="cross" /></button>
            </div>
          ))}
          <div class="buttons"><button class="button" disabled={steps.length >= 20} onClick={() => setSteps([...steps.slice(0, -1), { percentage: "75", hold: "15m", ring: "country", places: "", approval: false }, ...steps.slice(-1)])}>Add a step</button></div>
        </div>
      )}
      <Windows form={windows} isWrong={known?.problem?.field?.startsWith("freeze")} change={setWindows} />
      <div class="form-row">
        <label class="field">Name <span class="hint">of the rollout; made up if empty</span><input value={id} placeholder="release-42" autocapitalize="off" spellcheck={false} aria-invalid={known?.problem?.field === "id"} onInput={(event) => setId(event.currentTarget.value)} /></label>
      </div>
      <div aria-live="polite" class="form checked">
        {!known && <p class="muted">Checking…</p>}
        {known?.problem && (isRunning
          ? <Notice tone="warn" title="A rollout is under way.">One runs at a time: wait for the end of {status?.rollout?.id}, or abort it.</Notice>
          : <Notice tone="bad" title="It cannot start like this:">{localised(known.problem.message)}</Notice>)}
        {known?.problem?.detail.includes("disable_canary") && <label class="check"><input type="checkbox" checked={isAnyway} onChange={(event) => setAnyway(event.currentTarget.checked)} />Start although the switch is on</label>}
        {known?.problem?.percentage !== undefined && <div><button class="button" onClick={() => setConfirmed(known.problem?.percentage)}>Yes, {percent(known.problem.percentage)} is what I mean</button></div>}
        {planned && (
          <Notice tone="good" title="The splitter accepts this plan.">
            {planned.map(({ percentage, where }) => `${percent(percentage)}${ring(where) ? ` (${ring(where)})` : ""}`).join(" → ")}
            {!expected && <>, at least {span(total(planned))}{planned.some(({ approval }) => approval) && " and the time of approvals"}</>}.
          </Notice>
        )}
        {known?.answer?.warnings?.map((warning) => <Notice key={warning} tone="warn" title="Note:">{warning}</Notice>)}
        {planned && expected && <ExpectedPanel expected={expected} steps={planned} />}
      </div>
      <div class="buttons">
        {session.role === "admin" ? <button class="button primary big" disabled={!planned} onClick={start}><Icon name="play" />Start…</button> : <p class="muted">A viewer checks plans; starting needs ADMIN_TOKEN.</p>}
      </div>
    </section>
  );
}

const total = (steps: { holdMs: number }[]) => steps.reduce((sum, { holdMs }) => sum + holdMs, 0);

function planOf(schedule: string, id: string, steps: StepForm[], consent: Record<string, unknown>): Record<string, unknown> {
  const own = { ...(id.trim() && { id: id.trim() }), ...consent };
  if (schedule !== "custom") return { ...own, schedule };
  return {
    ...own,
    schedule,
    steps: steps.map(({ percentage, hold, ring, places, approval }) => {
      const names = places.toUpperCase().split(/[\s,]+/).filter(Boolean);
      return {
        percentage: Number(percentage.replace(",", ".")),
        ...(hold.trim() && { hold: hold.trim() }),
        ...(names.length > 0 && { where: { [ring]: names } }),
        ...(approval && { approval: true }),
      };
    }),
  };
}
