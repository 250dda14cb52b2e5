// The canary's deadline. One timer watches over all attempts of an isolate: a timer for each costs more than all else that the canary
// adds to a request. It belongs to one request, and another's objects must not be touched from there, so all that it does is
// to reject that one's promise. What follows, the runtime runs where the promise is waited for: it guarantees that from the
// compatibility date 2024-10-14 on (`handle_cross_request_promise_resolution`).
import { behind } from "./behind.js";

/** What an attempt that takes too long is rejected with. */
export const LATE = Symbol("late");

/** Work behind a request ends 30 s after it (Cloudflare's limit for `waitUntil`); less a reserve. */
const LONGEST_WATCH_MS = 25_000;

/** Attempts under way, the oldest first: all have the same time. */
const attempts = new Set();
/** An attempt that begins earlier is in the care of a watch that goes on. */
let watchedUntil = 0;

/** The variant's response, or LATE if its head takes longer than `limit` ms from `begun`. */
export function byDeadline(response, limit, begun) {
  return new Promise((resolve, reject) => {
    const attempt = { end: begun + limit, reject };
    watchOver(attempt, limit, begun);
    response.then(
      (answer) => {
        attempts.delete(attempt);
        resolve(answer);
      },
      (error) => {
        attempts.delete(attempt);
        reject(error);
      },
    );
  });
}

function watchOver(attempt, limit, begun) {
  const watch = limit / 2;
  if (limit + watch > LONGEST_WATCH_MS) {
    setTimeout(attempt.reject, limit, LATE);
    return;
  }
  attempts.add(attempt);
  if (begun < watchedUntil) return;
  watchedUntil = begun + watch;
  behind(watchAll(limit, watchedUntil + limit));
}

/** Goes on until no attempt is left whose time is over by `last`. */
async function watchAll(limit, last) {
  let next = Date.now() + limit;
  do {
    await scheduler.wait(next - Date.now());
    next = endLate(Date.now());
  } while (next <= last);
}

/** Ends the attempts whose time is over, and tells when the next one's is. */
function endLate(now) {
  for (const attempt of attempts) {
    if (attempt.end > now) return attempt.end;
    attempts.delete(attempt);
    attempt.reject(LATE);
  }
  return Infinity;
}
