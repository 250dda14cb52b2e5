// Error rate and p95 of both variants over a rollout, with its steps and analyses.

import { localised, ms, percent } from "../format";
import type { AuditRow, Rollout, Series } from "../types";
import { Chart, type Mark } from "./chart";

const LOOKS: Record<string, string> = { looked: "", "look-failed": "fail", "rolled-back": "fail", paused: "held" };

export function marksOf(looks: AuditRow[]): Mark[] {
  return looks.filter(({ action }) => action in LOOKS).map(({ at, action, sentence }) => ({
    at: Date.parse(at),
    word: localised(sentence),
    tone: LOOKS[action] || (/is held|Waiting|Not enough/.test(sentence) ? "held" : ""),
  }));
}

export function boundariesOf({ points }: Series): Mark[] {
  return points.flatMap((point, index) => {
    const before = points[index - 1];
    const isChange = !before || before.percentage !== point.percentage || before.rolloutId !== point.rolloutId;
    return isChange && point.rolloutId ? [{ at: Date.parse(point.at), word: percent(point.percentage) }] : [];
  });
}

export function Curves({ series, looks, ceilings }: { series?: Series; looks: AuditRow[]; ceilings?: Rollout["ceilings"] }) {
  const points = series?.points ?? [];
  const times = points.map(({ at }) => Date.parse(at));
  const step = series?.stepMs ?? 60_000;
  const rate = ({ failures, requests }: { failures: number; requests: number }) => (requests === 0 ? null : (failures / requests) * 100);
  const marks = { times, step, boundaries: series ? boundariesOf(series) : [], looks: marksOf(looks) };
  return (
    <div class="two">
      <Chart
        {...marks}
        title="Error rate"
        canary={points.map(({ canary }) => rate(canary))}
        stable={points.map(({ stable }) => rate(stable))}
        format={(value) => percent(value)}
        limit={ceilings ? { value: ceilings.errorRate * 100, word: `ceiling ${percent(ceilings.errorRate * 100)}` } : undefined}
        empty="No requests have been compared yet."
      />
      <Chart
        {...marks}
        title="p95 latency"
        canary={points.map(({ canary }) => canary.p95Ms ?? null)}
        stable={points.map(({ stable }) => stable.p95Ms ?? null)}
        format={(value) => ms(value)}
        limit={ceilings ? { value: ceilings.p95Ms, word: `ceiling ${ms(ceilings.p95Ms)}` } : undefined}
        empty="No requests have been compared yet."
      />
    </div>
  );
}
