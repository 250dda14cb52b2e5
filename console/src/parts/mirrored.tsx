// Copies of requests that stable answered: both answers to the same request, in pairs.

import { count, percent } from "../format";
import type { Difference, Mirror } from "../types";
import { SideBySide } from "./side_by_side";

export function Mirrored({ mirror }: { mirror: Mirror }) {
  const { figures, copies, canaryFailures, stableFailures, busy, withheld } = mirror;
  return (
    <section class="card" aria-labelledby="mirrored">
      <header>
        <h2 id="mirrored">Copies of requests</h2>
        <p>{percent(mirror.percentage)} of the requests that stable answers</p>
      </header>
      <SideBySide>
        <tr><th scope="row">Failed<span class="range">of {count(copies)} copies, whole rollout</span></th><td>{count(canaryFailures)}</td><td>{count(stableFailures)}</td></tr>
        {figures && <tr><th scope="row">Worse answer to<span class="range">visitors, of {count(figures.visitors)}</span></th><td>{count(figures.worseOnCanary)}</td><td>{count(figures.worseOnStable)}</td></tr>}
        {figures && <tr><th scope="row">Slower for<span class="range">visitors, of {count(figures.timed)}</span></th><td>{count(figures.slower)}</td><td>{count(figures.timed - figures.slower)}</td></tr>}
      </SideBySide>
      {busy + withheld > 0 && <p class="small">Not copied: {count(busy)} while too many copies were under way, {count(withheld)} by a breaker.</p>}
      <p class="small muted">No visitor gets the canary's answer to a copy, and none waits for it.</p>
    </section>
  );
}

const COUNTS = { "against-canary": "against the canary", "against-stable": "against stable", neither: "for neither" };

export function Differences({ rows }: { rows: Difference[] }) {
  return (
    <section class="card" aria-labelledby="differences">
      <header>
        <h2 id="differences">Differences</h2>
        <p>the most frequent first, whole rollout</p>
      </header>
      <div class="table-wrap" tabIndex={0} role="region" aria-label="Differences">
        <table>
          <thead>
            <tr><th scope="col">Path</th><th scope="col">Stable</th><th scope="col">Canary</th><th scope="col">Counts</th><th scope="col">Pairs</th><th scope="col">Example</th></tr>
          </thead>
          <tbody>
            {rows.map(({ path, stable, canary, counts, pairs, example }) => (
              <tr key={`${path} ${stable} ${canary}`}>
                <th scope="row">{path}</th>
                <td>{stable ?? "none"}</td><td>{canary ?? "none"}</td><td class="nowrap">{COUNTS[counts]}</td><td>{count(pairs)}</td><td class="nowrap">{example || "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
