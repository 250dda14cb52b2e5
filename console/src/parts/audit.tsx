// The audit log: who changed what, when and why. Analyses that changed nothing are left out until they are asked for.

import { useState } from "preact/hooks";
import { get } from "../api";
import { localised, time } from "../format";
import { useAnswer } from "../live";
import type { Audit, AuditRow } from "../types";
import { Chip, Notice, Skeleton } from "./notice";

const LOOKS = ["looked", "look-failed"];
const PAGE = 100;

interface Props {
  /** The first page, where it is known. */
  first?: Audit;
  title?: string;
  /** Asks for the page before this row. */
  before?: (seq: number) => Promise<Audit>;
}

export function AuditLog({ first, title = "Audit", before = (seq) => get<Audit>(`audit?limit=${PAGE}&before=${seq}`) }: Props) {
  const { answer: asked, error } = useAnswer<Audit>(first ? undefined : `audit?limit=${PAGE}`);
  const answer = first ?? asked;
  const [older, setOlder] = useState<Audit>();
  const [hasLooks, setLooks] = useState(false);
  const [filter, setFilter] = useState("");
  const rows: AuditRow[] = [...(answer?.rows ?? []), ...(older?.rows ?? [])];
  const next = older ? older.next : answer?.next;
  const wanted = filter.trim().toLowerCase();
  const shown = rows.filter((row) => (hasLooks || !LOOKS.includes(row.action)) && `${row.actor} ${row.action} ${row.sentence}`.toLowerCase().includes(wanted));
  const more = async () => {
    if (typeof next !== "number") return;
    const page = await before(next);
    setOlder({ rows: [...(older?.rows ?? []), ...page.rows], next: page.next });
  };
  return (
    <section class="card" aria-labelledby="audit">
      <header>
        <h2 id="audit">{title}</h2>
        <label class="check"><input type="checkbox" checked={hasLooks} onChange={(event) => setLooks(event.currentTarget.checked)} />each analysis</label>
      </header>
      <input type="search" aria-label="Filter the audit" placeholder="Filter by person, action or words" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
      {error && <Notice tone="bad" title="The audit cannot be read.">{error.message}</Notice>}
      {!answer && !error && <Skeleton lines={6} />}
      {answer && shown.length === 0 && <p class="empty">{rows.length === 0 ? "Nothing has been changed yet." : "Nothing here matches."}</p>}
      <ol class="rows">
        {shown.map((row) => (
          <li key={row.seq}>
            <div>
              <span class="title small">
                {row.action.replaceAll("-", " ")} · {row.actor}
                {row.claimed && <Chip icon="info">claimed</Chip>}
                <time class="muted" dateTime={row.at}>{time(row.at)}</time>
              </span>
              <span class="small">{localised(row.sentence)}</span>
            </div>
          </li>
        ))}
      </ol>
      {next && <button class="button" onClick={more}>Older entries</button>}
    </section>
  );
}
