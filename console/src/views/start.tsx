// A new rollout: a schedule, the server's own check of it, and what it will mean.

import { useEffect, useState } from "preact/hooks";
import { call, Problem } from "../api";
import { count, isOver, localised, percent, ring, span } from "../format";
import type { Live } from "../live";
import type { Change } from "../parts/confirm";
import { Icon } from "../parts/icon";
import { Notice } from "../parts/notice";
import { Stairs } from "../parts/steps";
import type { CommandAnswer, Session } from "../types";

interface Props { live: Live; session: Session; ask: (change: Change) => void }
interface StepForm { percentage: string; hold: string; country: string; approval: boolean }

const SCHEDULES = [
  ["standard", "Standard", "15 min a step", [5, 25, 50, 100]],
  ["fast", "Fast", "5 min a step", [10, 50, 100]],
  ["safe", "Safe", "30 min a step", [5, 10, 25, 50, 75, 100]],
  ["custom", "Custom", "rings, approvals and your own steps", [1, 20, 60, 100]],
] as const;

const FIRST: StepForm[] = [
  { percentage: "5", hold: "15m", country: "", approval: false },
  { percentage: "50", hold: "15m", country: "", approval: true },
  { percentage: "100", hold: "15m", country: "", approval: false },
];

export function Start({ live: { status, series }, session, ask }: Props) {
  const [schedule, setSchedule] = useState("standard");
  const [id, setId] = useState("");
  const [steps, setSteps] = useState(FIRST);
  const [check, setCheck] = useState<{ plan: string; answer?: CommandAnswer; problem?: Problem }>();
  const [isAnyway, setAnyway] = useState(false);
  const [confirmed, setConfirmed] = useState<number>();
  const plan = planOf(schedule, id, steps, { ...(isAnyway && { anyway: true }), ...(confirmed !== undefined && { percentage: confirmed }) });
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
  const minute = series?.points.findLast(({ canary, stable }) => canary.requests + stable.requests > 0);
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
              <label class="field wide">Only in countries<input value={step.country} placeholder="everywhere; or DE, AT" onInput={(event) => change(index, { country: event.currentTarget.value })} /></label>
              <label class="check"><input type="checkbox" checked={step.approval} onChange={(event) => change(index, { approval: event.currentTarget.checked })} />Approval</label>
              <button class="button quiet" disabled={steps.length === 1} onClick={() => setSteps(steps.filter((_, at) => at !== index))} aria-label={`Remove step ${index + 1}`}><Icon name="cross" /></button>
            </div>
          ))}
          <div class="buttons"><button class="button" disabled={steps.length >= 20} onClick={() => setSteps([...steps.slice(0, -1), { percentage: "75", hold: "15m", country: "", approval: false }, ...steps.slice(-1)])}>Add a step</button></div>
        </div>
      )}
      <div class="form-row">
        <label class="field">Name <span class="hint">of the rollout; made up if empty</span><input value={id} placeholder="release-42" autocapitalize="off" spellcheck={false} aria-invalid={known?.problem?.field === "id"} onInput={(event) => setId(event.currentTarget.value)} /></label>
      </div>
      <div aria-live="polite" style={{ minHeight: "5.5rem" }} class="form">
        {!known && <p class="muted">Checking…</p>}
        {known?.problem && (isRunning
          ? <Notice tone="warn" title="A rollout is under way.">One runs at a time: wait for the end of {status?.rollout?.id}, or abort it.</Notice>
          : <Notice tone="bad" title="It cannot start like this:">{localised(known.problem.message)}</Notice>)}
        {known?.problem?.detail.includes("disable_canary") && <label class="check"><input type="checkbox" checked={isAnyway} onChange={(event) => setAnyway(event.currentTarget.checked)} />Start although the switch is on</label>}
        {known?.problem?.percentage !== undefined && <div><button class="button" onClick={() => setConfirmed(known.problem?.percentage)}>Yes, {percent(known.problem.percentage)} is what I mean</button></div>}
        {planned && (
          <Notice tone="good" title="The splitter accepts this plan.">
            {planned.map(({ percentage, where }) => `${percent(percentage)}${ring(where) ? ` (${ring(where)})` : ""}`).join(" → ")}, at least {span(total(planned))}
            {planned.some(({ approval }) => approval) && " and the time of approvals"}.
            {minute && ` At the last traffic the first step gets about ${count(visitorsOf(minute, planned[0]?.percentage ?? 0))} requests a minute.`}
          </Notice>
        )}
        {known?.answer?.warnings?.map((warning) => <Notice key={warning} tone="warn" title="Note:">{warning}</Notice>)}
      </div>
      <div class="buttons">
        {session.role === "admin" ? <button class="button primary big" disabled={!planned} onClick={start}><Icon name="play" />Start…</button> : <p class="muted">A viewer checks plans; starting needs ADMIN_TOKEN.</p>}
      </div>
    </section>
  );
}

const total = (steps: { holdMs: number }[]) => steps.reduce((sum, { holdMs }) => sum + holdMs, 0);

/** Requests a minute at this share: the control group has four times the canary's buckets, as far as there are. */
function visitorsOf({ canary, stable, percentage }: { canary: { requests: number }; stable: { requests: number }; percentage: number }, share: number): number {
  const measured = Math.min(percentage * 5, 100) || 1;
  return ((canary.requests + stable.requests) / measured) * share;
}

function planOf(schedule: string, id: string, steps: StepForm[], consent: Record<string, unknown>): Record<string, unknown> {
  const own = { ...(id.trim() && { id: id.trim() }), ...consent };
  if (schedule !== "custom") return { ...own, schedule };
  return {
    ...own,
    schedule,
    steps: steps.map(({ percentage, hold, country, approval }) => {
      const countries = country.toUpperCase().split(/[\s,]+/).filter(Boolean);
      return {
        percentage: Number(percentage.replace(",", ".")),
        ...(hold.trim() && { hold: hold.trim() }),
        ...(countries.length > 0 && { where: { country: countries } }),
        ...(approval && { approval: true }),
      };
    }),
  };
}
