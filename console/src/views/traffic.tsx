// The traffic of both variants: requests a second, the canary's share, and each location.

import { ago, count, ms, percent, time } from "../format";
import { useAnswer, type Live } from "../live";
import { Chart } from "../parts/chart";
import { boundariesOf } from "../parts/curves";
import { Notice, Skeleton } from "../parts/notice";
import type { Location, Page, Series } from "../types";
import { useEffect, useState } from "preact/hooks";

const SPANS = [["1", "1 hour"], ["6", "6 hours"], ["24", "1 day"], ["168", "7 days"]] as const;

export function Traffic({ live }: { live: Live }) {
  const [hours, setHours] = useState("1");
  const minute = Math.floor((live.heardAt ?? Date.now()) / 60_000) * 60_000;
  const from = new Date(minute - Number(hours) * 3_600_000).toISOString();
  const { answer, error } = useAnswer<Series>(`series?from=${from}&to=${new Date(minute + 60_000).toISOString()}`);
  // The picture stays while a newer one is on its way.
  const [series, setSeries] = useState<Series>();
  useEffect(() => {
    if (answer) setSeries(answer);
  }, [answer]);
  const points = series?.points ?? [];
  const times = points.map(({ at }) => Date.parse(at));
  const step = series?.stepMs ?? 60_000;
  const rate = ({ requests }: { requests: number }) => requests / (step / 1_000);
  const boundaries = series ? boundariesOf(series) : [];
  return (
    <>
      <section class="card" aria-labelledby="traffic">
        <header>
          <h2 id="traffic">Traffic</h2>
          <label class="small">
            Over the last{" "}
            <select value={hours} onChange={(event) => setHours(event.currentTarget.value)} style={{ width: "auto" }}>
              {SPANS.map(([value, word]) => <option key={value} value={value}>{word}</option>)}
            </select>
          </label>
        </header>
        {error && <Notice tone="bad" title="The series cannot be read.">{error.message}</Notice>}
        {!series && !error ? <Skeleton lines={6} /> : (
          <div class="two">
            <Chart
              title="Requests a second" times={times} step={step} boundaries={boundaries}
              canary={points.map(({ canary }) => rate(canary))} stable={points.map(({ stable }) => rate(stable))}
              format={(value) => value.toLocaleString("en", { maximumFractionDigits: 1 })} empty="Nothing was counted in this time. Requests are counted while a rollout runs."
            />
            <Chart
              title="The canary's share" times={times} step={step} boundaries={boundaries} area={100}
              canary={points.map(({ percentage }) => percentage)} format={(value) => percent(value)} empty="No rollout ran in this time."
            />
          </div>
        )}
        <p class="small muted">Counted are the canary and its control group on stable. Visitors outside both are not measured.</p>
      </section>
      <Locations heardAt={minute} />
    </>
  );
}

function Locations({ heardAt }: { heardAt: number }) {
  const { answer, error, again } = useAnswer<Page<Location>>("locations?limit=500");
  useEffect(again, [heardAt]);
  const rows = answer?.rows.toSorted((one, other) => other.canary.requests + other.stable.requests - one.canary.requests - one.stable.requests);
  return (
    <section class="card" aria-labelledby="locations">
      <header>
        <h2 id="locations">Locations</h2>
        <p>{rows ? `${count(rows.length)} reported` : ""}</p>
      </header>
      {error && <Notice tone="bad" title="Locations cannot be read.">{error.message}</Notice>}
      {!rows && !error && <Skeleton />}
      {rows?.length === 0 && <p class="empty">No location has reported yet. Each one reports within seconds of its first request during a rollout.</p>}
      {rows && rows.length > 0 && (
        <div class="table-wrap" tabIndex={0} role="region" aria-label="Locations">
          <table>
            <thead>
              <tr><th scope="col">Location</th><th scope="col">Canary requests</th><th scope="col">Errors</th><th scope="col">p95</th><th scope="col">Stable requests</th><th scope="col">Errors</th><th scope="col">p95</th><th scope="col">Last report</th></tr>
            </thead>
            <tbody>
              {rows.map(({ name, canary, stable, lastReport }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{count(canary.requests)}</td><td>{share(canary)}</td><td class="nowrap">{ms(canary.p95Ms)}</td>
                  <td>{count(stable.requests)}</td><td>{share(stable)}</td><td class="nowrap">{ms(stable.p95Ms)}</td>
                  <td class="nowrap" title={time(lastReport)}>{ago(lastReport)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

const share = ({ failures, requests }: { failures: number; requests: number }) => (requests === 0 ? "–" : percent((failures / requests) * 100));
