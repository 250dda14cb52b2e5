// Evidence for and against the canary, on a log scale: from nothing at the middle mark to the limit at which the canary is rolled back.

import { evidenceWord, odds } from "../format";
import type { Evidence } from "../types";

/** Where "nothing" stands on the scale, 0 to 1: what speaks against the canary gets the larger part. */
const NOTHING = 0.3;
/** The evidence at which the analysis holds. */
const HOLDS = 10;

/** Each test with its name. The words below the scale stand at the places of the first test. */
export function EvidencePanel({ rows }: { rows: [string, Evidence | null | undefined][] }) {
  const limit = rows.find(([, evidence]) => evidence)?.[1]?.limit ?? 200;
  const place = (evidence: number) => ({ left: `${(placeOf(evidence, limit) * 100).toFixed(1)}%` });
  return (
    <section class="card" aria-labelledby="evidence">
      <header>
        <h2 id="evidence">Evidence for and against</h2>
      </header>
      {rows.every(([, evidence]) => !evidence) && <p class="empty">The first analysis has not been made yet.</p>}
      <div class="evidence">
        {rows.map(([name, evidence]) => evidence && <Row key={name} name={name} {...evidence} />)}
        <div class="scale-words" aria-hidden="true">
          <span>for it</span><span style={place(1)}>nothing</span><span style={place(HOLDS)}>holds</span><span>rolls back</span>
        </div>
      </div>
      <p class="small muted">How many times likelier the measurements are if the canary is worse, against if it is not. Past the limit it is rolled back at once.</p>
    </section>
  );
}

function Row({ name, evidence, limit }: { name: string } & Evidence) {
  // Too large for JSON is far above any limit.
  const value = evidence ?? limit * 1_000;
  const { word, tone } = evidenceWord(value, limit);
  const ratio = word === "nothing" ? "" : odds(value);
  const at = placeOf(value, limit);
  const [from, to] = at < NOTHING ? [at, NOTHING] : [NOTHING, at];
  return (
    <div class="evidence-row">
      <p class="head"><strong>{name}</strong> <span>{word}{ratio}<span class="muted"> · limit {limit} : 1</span></span></p>
      <div class="scale" role="meter" aria-label={name} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(at * 100)} aria-valuetext={`${word}${ratio}, rolls back at ${limit} to 1`}>
        <i class={tone} style={{ left: `${(from * 100).toFixed(1)}%`, width: `${((to - from) * 100).toFixed(1)}%` }} />
        <b style={{ left: `${NOTHING * 100}%` }} />
        <b class="minor" style={{ left: `${(placeOf(HOLDS, limit) * 100).toFixed(1)}%` }} />
      </div>
    </div>
  );
}

/** A place on the scale, 0 to 1. */
function placeOf(evidence: number, limit: number): number {
  const part = Math.max(-1, Math.min(1, Math.log(Math.max(evidence, 1e-9)) / Math.log(limit)));
  return part < 0 ? NOTHING * (1 + part) : NOTHING + (1 - NOTHING) * part;
}
