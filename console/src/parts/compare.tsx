// Both variants side by side, of the current step.

import { count, interval, ms, percent } from "../format";
import type { Figures, Rollout, Status } from "../types";
import { SideBySide } from "./side_by_side";

interface Props { rollout: Rollout; telemetry: Status["telemetry"]; versions: Status["versions"] }

export function Compare({ rollout, telemetry, versions }: Props) {
  const { impact, figures } = rollout;
  const { canary, stable } = figures ?? {};
  const diverted = telemetry?.shortCircuited ?? 0;
  const hasVisitors = (canary?.visitors ?? 0) + (stable?.visitors ?? 0) > 0;
  return (
    <section class="card" aria-labelledby="compare">
      <header>
        <h2 id="compare">Canary and control group</h2>
        <p>in step {rollout.step}</p>
      </header>
      <SideBySide>
        {hasVisitors && <tr><th scope="row">Visitors</th><td>{count(canary?.visitors ?? 0)}</td><td>{count(stable?.visitors ?? 0)}</td></tr>}
        <tr><th scope="row">Requests</th><td>{count(canary?.requests ?? 0)}</td><td>{count(stable?.requests ?? 0)}</td></tr>
        <tr><th scope="row">Error rate</th><td><Rate {...canary} /></td><td><Rate {...stable} /></td></tr>
        <tr><th scope="row">p50</th><td>{ms(canary?.p50Ms)}</td><td>{ms(stable?.p50Ms)}</td></tr>
        <tr><th scope="row">p95</th><td>{ms(canary?.p95Ms)}</td><td>{ms(stable?.p95Ms)}</td></tr>
        <tr><th scope="row">p99</th><td>{ms(canary?.p99Ms)}</td><td>{ms(stable?.p99Ms)}</td></tr>
        {impact && impact.failed > 0 && (
          <>
            <tr><th scope="row">Rescued by stable<span class="range">failures, whole rollout</span></th><td>{count(impact.rescued)}</td><td>–</td></tr>
            <tr><th scope="row">Seen by clients<span class="range">failures, whole rollout</span></th><td>{count(impact.seen)}</td><td>–</td></tr>
          </>
        )}
        {diverted > 0 && <tr><th scope="row">Sent to stable by a breaker</th><td>{count(diverted)}</td><td>–</td></tr>}
      </SideBySide>
      {versions && versions.wrong > 0 && <p class="small">{count(versions.wrong)} of {count(versions.answers)} answers were of another version. They count for neither.</p>}
      <p class="small muted">The control group is on stable: visitors of the same kind, at the same time. Ranges hold the true rate 19 times of 20.</p>
    </section>
  );
}

export function Rate({ requests = 0, failures = 0 }: Partial<Figures>) {
  const range = interval(failures, requests);
  if (!range) return <>–</>;
  return <>{percent((failures / requests) * 100)}<span class="range">{percent(range[0])} to {percent(range[1])}</span></>;
}
