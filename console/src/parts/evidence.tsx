// Evidence against the canary, on a log scale from nothing to the limit at which it is rolled back.

import { evidenceWord, odds } from "../format";
import type { Evidence, Rollout } from "../types";

export function EvidencePanel({ figures }: { figures: NonNullable<Rollout["figures"]> }) {
  const rows: [string, Evidence | null][] = [["It fails more often", figures.errors], ["Its p95 is slower", figures.p95], ["Its p99 is slower", figures.p99]];
  return (
    <section class="card" aria-labelledby="evidence">
      <header>
        <h2 id="evidence">Evidence against the canary</h2>
      </header>
      <div class="evidence">
        {rows.map(([name, evidence]) => evidence && <Row key={name} name={name} {...evidence} />)}
        <div class="scale-words" aria-hidden="true"><span>nothing</span><span>a hint</span><span>suspicious</span><span>rolls back</span></div>
      </div>
    </section>
  );
}

function Row({ name, evidence, limit }: { name: string } & Evidence) {
  // Too large for JSON is far above any limit.
  const value = evidence ?? limit * 1_000;
  const { word, tone } = evidenceWord(value, limit);
  const part = Math.max(0, Math.min(1, Math.log(Math.max(1, value)) / Math.log(limit)));
  return (
    <div class="evidence-row">
      <p class="head"><strong>{name}</strong> <span class="muted">{word} ({odds(value)} of {limit} : 1)</span></p>
      <div class="scale" role="meter" aria-label={name} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part * 100)} aria-valuetext={`${word}, ${odds(value)}, rolls back at ${limit} to 1`}>
        <i class={tone} style={{ width: `${(part * 100).toFixed(1)}%` }} />
      </div>
    </div>
  );
}
