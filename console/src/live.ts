// The data of the page. It is requested every two seconds, or every ten seconds while the page is hidden. Each response replaces the one
// before, so that a page that stays open for days does not grow.

import { useEffect, useState } from "preact/hooks";
import { get, Problem } from "./api";
import { isOver } from "./format";
import type { Audit, AuditRow, Series, Status } from "./types";

export interface Live {
  status?: Status;
  series?: Series;
  /** The newest rows of the audit log, newest first. */
  audit: AuditRow[];
  /** When the last answer came, in ms since the Unix epoch. */
  heardAt?: number;
  /** Why there is no newer one. */
  error?: Problem;
}

const VISIBLE_MS = 2_000;
const HIDDEN_MS = 10_000;
/** The series gains a point a minute, so it is asked for less often. */
const SERIES_MS = 10_000;

let current: Live = { audit: [] };
const listeners = new Set<(live: Live) => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
let seriesAt = 0;
/** The changes that the audit log on the page has. */
let audited = "";
let isAsking = false;

function publish(next: Live) {
  current = next;
  for (const listener of listeners) listener(current);
}

async function ask() {
  if (isAsking) return;
  isAsking = true;
  clearTimeout(timer);
  try {
    const status = await get<Status>("status", 8_000);
    publish({ ...current, status, heardAt: Date.now(), error: undefined });
    if (Date.now() - seriesAt >= SERIES_MS) {
      seriesAt = Date.now();
      const series = await get<Series>(seriesPath(status)).catch(() => undefined);
      if (series) publish({ ...current, series });
    }
    const changes = changesOf(status);
    if (changes !== audited) {
      const audit = await get<Audit>("audit?limit=200").catch(() => undefined);
      if (audit) {
        audited = changes;
        publish({ ...current, audit: audit.rows });
      }
    }
  } catch (error) {
    publish({ ...current, error: error instanceof Problem ? error : new Problem(0, "", "", String(error)) });
  }
  isAsking = false;
  if (listeners.size > 0) timer = setTimeout(ask, document.hidden ? HIDDEN_MS : VISIBLE_MS);
}

/** Differs where the audit log has something new that the page shows: the log is the largest answer, and changes once a minute. */
const changesOf = ({ epoch, switches, halt, rollout }: Status) => JSON.stringify([epoch, switches, halt, rollout?.id, rollout?.lastLook?.at]);

/** The series of the rollout, or of the last hour. */
function seriesPath({ rollout, time }: Status): string {
  const hour = Date.parse(time) - 3_600_000;
  const start = rollout ? Date.parse(rollout.startedAt) : hour;
  const end = rollout && isOver(rollout) ? Math.min(Date.parse(rollout.since) + 120_000, Date.parse(time)) : Date.parse(time);
  return `series?from=${new Date(Math.min(start, end)).toISOString()}&to=${new Date(end).toISOString()}`;
}

/** Asks at once, after a command or when the page is shown again. */
export function refresh() {
  seriesAt = 0;
  void ask();
}

export function forget() {
  seriesAt = 0;
  audited = "";
  publish({ audit: [] });
}

export function useLive(): Live {
  const [live, setLive] = useState(current);
  useEffect(() => {
    listeners.add(setLive);
    const shown = () => document.hidden || refresh();
    document.addEventListener("visibilitychange", shown);
    window.addEventListener("online", shown);
    void ask();
    return () => {
      listeners.delete(setLive);
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
      window.removeEventListener("online", shown);
    };
  }, []);
  return live;
}

/** Something that is asked for once, and again where `path` changes. */
export function useAnswer<T>(path: string | undefined): { answer?: T; error?: Problem; again: () => void } {
  const [state, setState] = useState<{ path?: string; answer?: T; error?: Problem }>({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (path === undefined) return;
    let isWanted = true;
    get<T>(path).then(
      (answer) => isWanted && setState({ path, answer }),
      (error) => isWanted && setState({ path, error }),
    );
    return () => {
      isWanted = false;
    };
  }, [path, round]);
  const known = state.path === path ? state : {};
  return { answer: known.answer, error: known.error, again: () => setRound((round) => round + 1) };
}
