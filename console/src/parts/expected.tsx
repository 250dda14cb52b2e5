// What a plan will take and what it will notice, by the splitter's own estimate from the traffic of the last hour.

import { count, percent, ring, span } from "../format";
import type { Expected, Step } from "../types";

export function ExpectedPanel({ expected, steps }: { expected: Expected; steps: Step[] }) {
  const { durationMs, smallestRegression, sentence } = expected;
  const holds = steps.reduce((sum, { holdMs }) => sum + holdMs, 0);
  return (
    <section class="expected" aria-label="At the traffic of the last hour">
      <dl class="tiles">
        <div>
          <dt>Expected duration</dt>
          <dd>{durationMs === null ? "not known" : span(durationMs)}</dd>
          <dd class="small muted">at least {span(holds)}, by its holds{steps.some(({ approval }) => approval) && ", and the time of approvals"}</dd>
        </div>
        <div>
          <dt>Smallest regression it will notice</dt>
          <dd>{smallestRegression ? `${smallestRegression.factor.toLocaleString("en", { maximumFractionDigits: 1 })} × the errors` : "not known"}</dd>
          <dd class="small muted">{smallestRegression ? `${smallestRegression.points.toLocaleString("en", { maximumFractionDigits: 3 })} percentage points more than stable` : "without traffic to compare"}</dd>
        </div>
      </dl>
      <p>{sentence}</p>
      <div class="table-wrap" tabIndex={0} role="region" aria-label="Steps of the plan">
        <table>
          <thead><tr><th scope="col">Step</th><th scope="col">Hold</th><th scope="col">Takes about</th><th scope="col">On the canary, a minute</th><th scope="col">Needed</th></tr></thead>
          <tbody>
            {steps.map(({ percentage, holdMs, where }, index) => {
              const step = expected.steps[index];
              return (
                <tr key={index}>
                  <th scope="row">{percent(percentage)}{ring(where) && <span class="range">{ring(where)}</span>}</th>
                  <td class="nowrap">{span(holdMs)}</td>
                  <td class="nowrap">{step?.durationMs == null ? "–" : span(step.durationMs)}</td>
                  <td>{step?.canaryPerMinute == null ? "–" : count(step.canaryPerMinute)}</td>
                  <td>{step ? count(step.needed) : "–"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
