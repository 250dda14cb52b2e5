// Past rollouts, one line each; and one of them with its curves and its audit.

import { useState } from "preact/hooks";
import { get } from "../api";
import { count, localised, percent, span, time } from "../format";
import { useAnswer } from "../live";
import { AuditLog } from "../parts/audit";
import { Curves } from "../parts/curves";
import { Chip, Notice, PhaseChip, Skeleton } from "../parts/notice";
import { Stairs } from "../parts/steps";
import type { Audit, Page, Past, Point, Series } from "../types";

export function History() {
  const { answer, error } = useAnswer<Page<Past>>("rollouts");
  const [older, setOlder] = useState<Page<Past>>();
  const rows = [...(answer?.rows ?? []), ...(older?.rows ?? [])];
  const next = older ? older.next : answer?.next;
  const more = async () => {
    const page = await get<Page<Past>>(`rollouts?before=${next}`);
    setOlder({ rows: [...(older?.rows ?? []), ...page.rows], next: page.next });
  };
  return (
    <>
      <section class="card" aria-labelledby="history">
        <header><h2 id="history">Rollouts</h2></header>
        {error && <Notice tone="bad" title="The history cannot be read.">{error.message}</Notice>}
        {!answer && !error && <Skeleton lines={6} />}
        {answer?.rows.length === 0 && <p class="empty">No rollout has been started since this version of Serin is in use.</p>}
        <ul class="rows">
          {rows.map((past) => (
            <li key={past.number}>
              <a href={`#/history/${encodeURIComponent(past.id)}`}>
                <span class="title">
                  {past.id}
                  <PhaseChip phase={past.phase} />
                  <time class="small muted" dateTime={past.startedAt}>{time(past.startedAt)}</time>
                </span>
                <span class="small">
                  {past.actor}{past.reason && `: ${past.reason}`}
                  <span class="muted"> · highest {percent(past.highest)}{past.durationMs !== null && ` · ${span(past.durationMs)}`}</span>
                </span>
                {past.endedReason && <span class="small muted">{localised(past.endedReason)}</span>}
              </a>
            </li>
          ))}
        </ul>
        {next && <button class="button" onClick={more}>Older rollouts</button>}
      </section>
      <AuditLog />
    </>
  );
}

interface Detail { rollout: Past; series: Series; audit: Audit }

export function PastRollout({ id }: { id: string }) {
  const path = `rollouts/${encodeURIComponent(id)}?limit=500`;
  const { answer, error } = useAnswer<Detail>(path);
  if (error) {
    return <section class="card"><Notice tone="bad" title={error.status === 404 ? `There is no rollout ${id} in the history.` : "The rollout cannot be read."}>{error.status === 404 ? "" : error.message}</Notice><p><a href="#/history">All rollouts</a></p></section>;
  }
  if (!answer) return <section class="card" aria-busy="true"><Skeleton lines={8} /></section>;
  const { rollout, series, audit } = answer;
  const before = async (seq: number) => (await get<Detail>(`${path}&before=${seq}`)).audit;
  const sum = (of: (point: Point) => number) => series.points.reduce((sum, point) => sum + of(point), 0);
  const failed = sum(({ canary }) => canary.failures);
  return (
    <>
      <section class="card" aria-labelledby="past">
        <p class="small"><a href="#/history">All rollouts</a></p>
        <header>
          <h2 id="past">Rollout {rollout.id}</h2>
          <PhaseChip phase={rollout.phase} />
        </header>
        {rollout.endedReason && <Notice tone={rollout.phase === "completed" ? "good" : "bad"} title={rollout.endedBy ? `${rollout.endedBy}:` : ""}>{localised(rollout.endedReason)}</Notice>}
        <dl class="facts">
          <div><dt>Started</dt><dd>{time(rollout.startedAt)}</dd></div>
          <div><dt>By</dt><dd>{rollout.actor}{rollout.reason && `: ${rollout.reason}`}</dd></div>
          <div><dt>Ended</dt><dd>{rollout.endedAt ? time(rollout.endedAt) : "under way"}</dd></div>
          <div><dt>Took</dt><dd>{rollout.durationMs === null ? "–" : span(rollout.durationMs)}</dd></div>
          <div><dt>Highest share</dt><dd>{percent(rollout.highest)}</dd></div>
          {failed > 0 && <div><dt>Failed canary requests</dt><dd>{count(failed)}: {count(sum(({ rescued }) => rescued))} rescued by stable, {count(sum(({ seen }) => seen))} seen by clients</dd></div>}
          <div><dt>Versions</dt><dd>{rollout.versions.from ?? "stable"} → {rollout.versions.to ?? "canary"}</dd></div>
          <div><dt>Plan</dt><dd>{rollout.schedule}: {rollout.steps.map(({ percentage }) => percent(percentage)).join(", ")}<Stairs steps={rollout.steps} /></dd></div>
        </dl>
        {series.points.length > 0 ? <Curves series={series} looks={audit.rows} /> : <Chip icon="clock">Curves are kept for seven days.</Chip>}
      </section>
      <AuditLog first={audit} before={before} title="What happened" />
    </>
  );
}
