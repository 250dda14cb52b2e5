// Numbers and times as people read them. Times are in the viewer's zone, and say which.

import type { Freeze } from "./types";

const ZONE = Intl.DateTimeFormat(undefined, { timeZoneName: "short" });
const CLOCK = Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const SHORT = Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

const zoneOf = (date: Date) => ZONE.formatToParts(date).find(({ type }) => type === "timeZoneName")?.value ?? "";
const isToday = (date: Date) => date.toDateString() === new Date().toDateString();

/** `14:03:22 CET`, with the day where it is another one. */
export function time(at: string | number): string {
  const date = new Date(at);
  const day = isToday(date) ? "" : `${DAY.format(date)}, `;
  return `${day}${CLOCK.format(date)} ${zoneOf(date)}`;
}

/** `14:03`, for axes, which name their zone elsewhere. */
export const clock = (at: string | number) => SHORT.format(new Date(at));
export const day = (at: string | number) => DAY.format(new Date(at));
export const zone = () => zoneOf(new Date());

/** Times within a sentence, which the splitter writes in UTC. */
export const localised = (sentence: string) => sentence.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (at) => time(at));

export const count = (number: number) => number.toLocaleString("en", { maximumFractionDigits: 0 });
export const percent = (share: number, digits = 2) => `${share.toLocaleString("en", { maximumFractionDigits: digits })} %`;
export const ms = (value: number | null | undefined) => (value == null ? "–" : `${count(value)} ms`);

/** A span as a person says it: `23 s`, `12 min`, `3 h 20 min`, `2 d`. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} d`;
}

export const ago = (at: string, now = Date.now()) => `${span(now - Date.parse(at))} ago`;

/** Wilson's interval at 95 % of a share of failures, in percent. */
export function interval(failures: number, requests: number): [number, number] | undefined {
  if (requests === 0) return undefined;
  const z = 1.96;
  const rate = failures / requests;
  const centre = rate + (z * z) / (2 * requests);
  const half = z * Math.sqrt((rate * (1 - rate)) / requests + (z * z) / (4 * requests * requests));
  const scale = 100 / (1 + (z * z) / requests);
  return [Math.max(0, (centre - half) * scale), Math.min(100, (centre + half) * scale)];
}

/** Evidence in words. 10 is where the analysis holds, the limit is where it rolls back. */
export function evidenceWord(evidence: number, limit: number): { word: string; tone: "good" | "warn" | "bad" } {
  if (evidence >= limit) return { word: "strong: rolls back", tone: "bad" };
  if (evidence >= 10) return { word: "suspicious: holds", tone: "warn" };
  if (evidence >= 3) return { word: "a hint against it", tone: "good" };
  return { word: evidence <= 1 / 3 ? "for the canary" : "nothing", tone: "good" };
}

/** `, 40 : 1`, whichever side it speaks for; empty where it is about nothing. */
export function odds(evidence: number): string {
  const ratio = evidence >= 1 ? evidence : 1 / Math.max(evidence, 1e-6);
  if (ratio < 1.5) return "";
  return ratio >= 1e6 ? ", over a million : 1" : `, ${count(ratio)} : 1`;
}

export const isOver = ({ phase }: { phase: string }) => ["completed", "rolled-back", "aborted"].includes(phase);

const DAYS: Record<string, string> = { mon: "Mon", tue: "Tue", wed: "Wed", thu: "Thu", fri: "Fri", sat: "Sat", sun: "Sun" };

/** Windows in which no step is taken: `Sat, Sun; 22:00–06:00 (Europe/Berlin)`. */
export function windows({ timeZone, days = [], hours = [], dates = [] }: Freeze): string {
  const parts = [days.map((day) => DAYS[day] ?? day), hours, dates.map((date) => date.replace("..", " to "))].filter(({ length }) => length > 0);
  return `${parts.map((names) => names.join(", ")).join("; ")} (${timeZone})`;
}

/** A ring's matcher in words: `country DE or AT`. */
export function ring(matcher: unknown): string | undefined {
  if (!matcher || typeof matcher !== "object") return undefined;
  const parts = Object.entries(matcher).map(([name, value]) => {
    const values = Array.isArray(value) ? value.join(" or ") : typeof value === "object" && value ? Object.entries(value).map(([name, text]) => `${name}: ${text}`).join(" and ") : String(value);
    return `${name} ${values}`;
  });
  return parts.join(", ");
}
