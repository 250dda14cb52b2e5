// What goes on when a request has been answered, and waits that end.
import { waitUntil } from "cloudflare:workers";

/** Keeps the request that is being served alive until the work is done. */
export function behind(work) {
  try {
    waitUntil(work);
  } catch {
    // The request has ended: the work ends with it, and the next request's begins anew.
  }
}

/** What `work` gives within `ms`, or the exception `no answer within …`. */
export async function within(ms, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, ms, `no answer within ${ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`}`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
