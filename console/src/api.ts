// Calls of the control API by the session's cookie. A call that changes something carries the page's own header.

import type { Audit, AuditRow } from "./types";

/** An answer that is an error, as problem+json. */
export class Problem extends Error {
  constructor(readonly status: number, readonly type: string, title: string, readonly detail: string, readonly field?: string, readonly percentage?: number) {
    super(detail || title);
  }
}

/** Requests without an answer after this time, in ms, count as unanswered. */
const LIMIT = 15_000;

export async function call<T>(method: string, path: string, body?: unknown, limit = LIMIT): Promise<T> {
  const headers: Record<string, string> = {};
  if (method !== "GET") headers["serin-console"] = "1";
  if (body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(limit),
    });
  } catch {
    throw new Problem(0, "unreachable", "", "The splitter did not answer. Is this device online?");
  }
  const answer = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer as T;
  const { type = "", title = `The splitter answered ${response.status}`, detail = "", field, percentage } = answer ?? {};
  throw new Problem(response.status, type, title, detail, field, percentage);
}

export const get = <T>(path: string, limit?: number) => call<T>("GET", path, undefined, limit);

/** The name that is given for the audit, kept on this device; Cloudflare Access gives one that counts instead. */
export const actor = {
  get: () => {
    try {
      return localStorage.getItem("serin-name") ?? "";
    } catch {
      return "";
    }
  },
  set: (name: string) => {
    try {
      localStorage.setItem("serin-name", name);
    } catch {
      // Without storage the name is asked for again.
    }
  },
};

/** A command with its actor, reason and the epoch that it was decided on. */
export function command<T>(method: string, path: string, body: Record<string, unknown>, reason = ""): Promise<T> {
  const name = actor.get().slice(0, 200);
  return call<T>(method, path, { ...body, ...(name && { actor: name }), ...(reason && { reason: reason.slice(0, 200) }) });
}

/** Of a conflict: the change that came first, if the audit has one. */
export async function whoWasFaster(): Promise<AuditRow | undefined> {
  const { rows } = await get<Audit>("audit?limit=20").catch(() => ({ rows: [] }) as unknown as Audit);
  return rows.find(({ action }) => action !== "looked" && action !== "look-failed");
}
