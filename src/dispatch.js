// The runtime's promises and objects, handled where they live: from Rust each of these steps would be a crossing.
// No decision is made here; what Rust has to know or say comes through the callbacks.

/** Sends the request to a variant. A synchronous exception becomes a rejection: Rust could not survive it. */
export function send(variant, request) {
  try {
    return variant.fetch(request);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The variant's response, or what `failed(error)` makes of an exception. */
export function orElse(response, failed) {
  return response.then(undefined, failed);
}

/** Reports the status, or 0 for an exception, to `settled(status)`, and passes the outcome on. */
export function watch(response, settled) {
  return response.then(
    (answer) => {
      tell(settled, answer.status);
      return answer;
    },
    (error) => {
      tell(settled, 0);
      throw error;
    },
  );
}

/** Stable's response to an observed request, or what `failed(error)` makes of an exception; either is told to `observed`. */
export function observe(response, failed, observed, watch, unit, begun) {
  return response.then(
    (answer) => {
      tell(observed, answer.status, watch, unit, begun);
      return answer;
    },
    (error) => {
      tell(observed, 0, watch, unit, begun);
      return failed(error);
    },
  );
}

/** Rust may have trapped meanwhile: then nobody is there to be told, and the response is none the worse. */
function tell(callback, status, watch, unit, begun) {
  try {
    callback(status, watch, unit, begun);
  } catch {}
}

/**
 * The canary's response, or stable's where `rescue(request, status, outcome, …)` says so: the outcome is the response, or with status 0
 * an exception. A response that is not used is let go of, so that its connection is. `watch` is 0 for a request that is not observed.
 * After `limit` ms (0: never) without a response's head the canary has failed, if the request is one that `hasDeadline`.
 */
export function guard(canary, stable, request, limit, rescue, failed, hasDeadline, watch, unit, begun) {
  return new Promise((resolve) => {
    let isOver = false;
    const end = (status, outcome) => {
      if (isOver) return letGo(outcome);
      isOver = true;
      clearTimeout(timer);
      let isRescued;
      try {
        isRescued = rescue(request, status, outcome, watch, unit, begun);
      } catch {
        // Rust has trapped meanwhile: whatever it would have said, this is safe.
        isRescued = (status === 0 || status >= 500) && mayReplay(request);
      }
      if (isRescued) {
        letGo(outcome);
        resolve(orElse(send(stable, again(request)), failed));
      } else resolve(status === 0 ? orElse(Promise.reject(outcome), failed) : outcome);
    };
    const giveUp = () => {
      if (isTimed(request, hasDeadline)) end(0, new DOMException(`the canary did not answer within ${limit} ms`, "TimeoutError"));
    };
    const timer = limit > 0 ? setTimeout(giveUp, limit) : undefined;
    send(canary, request).then(
      (answer) => end(answer.status, answer),
      (error) => end(0, error),
    );
  });
}

/** What the core calls replayable, for when it cannot be asked. */
function mayReplay(request) {
  return request.body === null && ["GET", "HEAD", "OPTIONS"].includes(request.method) && !request.headers.has("upgrade");
}

function isTimed(request, hasDeadline) {
  try {
    return hasDeadline(request);
  } catch {
    // Rust has trapped meanwhile.
    return mayReplay(request);
  }
}

function letGo(outcome) {
  outcome.body?.cancel().catch(() => {});
}

/** The request for its second attempt, which its receiver can tell from a first. */
function again(request) {
  const headers = new Headers(request.headers);
  headers.set("serin-attempt", "2");
  return new Request(request, { headers });
}

/** The response with a cookie of Serin's, which makes it this visitor's own. */
export function withCookie(response, cookie) {
  return response.then((answer) => {
    if (answer.webSocket) return answer;
    const own = new Response(answer.body, answer);
    own.headers.append("Set-Cookie", cookie);
    // A shared cache must not give this visitor's cookie to others.
    if (!/\b(private|no-store)\b/i.test(own.headers.get("Cache-Control") ?? "")) own.headers.append("Cache-Control", "private");
    return own;
  });
}

// Where one has to go, the whole namespace does; entry.js says which names make it so. Header names are in lower case here.
const RESERVED = /^(serin[-_]|cloudflare-workers-version-(overrides|key)$)/;

/** The request without reserved headers, and with this `Cookie` header (none if empty). */
export function cleaned(request, cookie) {
  const headers = new Headers(request.headers);
  for (const name of [...headers.keys()]) if (RESERVED.test(name)) headers.delete(name);
  if (cookie) headers.set("Cookie", cookie);
  else headers.delete("Cookie");
  return new Request(request, { headers });
}
