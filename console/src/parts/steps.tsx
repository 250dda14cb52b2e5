// The steps of a plan and where the rollout stands.

import { percent, ring, span, windows } from "../format";
import type { Rollout, Step } from "../types";
import { Icon } from "./icon";

export function Steps({ rollout, now }: { rollout: Rollout; now: number }) {
  const isOver = ["rolled-back", "aborted"].includes(rollout.phase);
  return (
    <div class="plan">
      <ol class="steps" aria-label="Steps">
        {rollout.steps.map((step, index) => {
          const number = index + 1;
          const isDone = number < rollout.step || rollout.phase === "completed";
          const isCurrent = number === rollout.step && !isDone;
          const part = isDone ? 1 : isCurrent && !isOver ? held(rollout, step, now) : 0;
          return (
            <li key={number} class={`${isCurrent ? "current" : ""} ${isCurrent && isOver ? "ended" : ""}`} aria-current={isCurrent ? "step" : undefined}>
              <div class="bar"><i style={{ width: `${(part * 100).toFixed(1)}%` }} /></div>
              <span class="percent">
                {step.mirror === undefined ? percent(step.percentage) : `mirror ${percent(step.mirror)}`}
                {isDone && <><Icon name="check" /><span class="hidden-text">done</span></>}
                {isCurrent && isOver && <><Icon name="cross" /><span class="hidden-text">ended here</span></>}
              </span>
              <span>{isCurrent && !isOver && left(rollout, now) ? `${left(rollout, now)} left` : step.holdMs > 0 ? `hold ${span(step.holdMs)}` : "bake"}</span>
              {ring(step.where) && <span><Icon name="ring" />{ring(step.where)}</span>}
              {step.approval && <span><Icon name="lock" />approval</span>}
              {step.check && <span><Icon name="check" />{step.check}</span>}
            </li>
          );
        })}
      </ol>
      {rollout.freeze && <p class="small muted"><Icon name="clock" />No step in {windows(rollout.freeze)}.</p>}
    </div>
  );
}

/** What is left of the hold. */
function left({ holdEnds }: Rollout, now: number): string | undefined {
  const rest = holdEnds ? Date.parse(holdEnds) - now : 0;
  return rest > 0 ? span(rest) : undefined;
}

/** The part of the hold that has passed. */
function held(rollout: Rollout, step: Step, now: number): number {
  if (!rollout.holdEnds || step.holdMs === 0) return 0.08;
  return Math.max(0.08, Math.min(1, 1 - (Date.parse(rollout.holdEnds) - now) / step.holdMs));
}

/** A picture of a plan. */
export const Stairs = ({ steps }: { steps: { percentage: number }[] }) => (
  <div class="stairs" aria-hidden="true">
    {steps.map(({ percentage }, index) => <i key={index} style={{ height: `${Math.max(6, percentage)}%` }} />)}
  </div>
);
