// From a route to a variant's answer. Requests, responses and promises stay the runtime's own; what follows from an answer, Rust says.
import { LATE, byDeadline } from "./deadline.js";
import { Also, Then, Who, noteTrap, rust } from "./instance.js";
import { follow } from "./observation.js";
import { withoutReserved } from "./reserved.js";

/** Sends a request where its route says, and gives the promise of its response. */
export function dispatch(route, who, request, env, begun) {
  const cookie = route & Also.Welcome ? rust().cookie() : undefined;
  const ticket = route & Also.Observe ? rust().ticket() : 0;
  const sent = route & Also.Clean ? cleaned(request, rust().cookies()) : request;
  const response = toVariant(who, sent, env, ticket, begun);
  return cookie === undefined ? response : withCookie(response, cookie);
}

function toVariant(who, request, env, ticket, begun) {
  switch (who) {
    case Who.Stable: {
      const response = send(env.STABLE, request);
      if (ticket === 0) return orElse(response);
      return observe(response, (status) => follow(rust().stable_answered(status, ticket, begun), env, "stable", begun));
    }
    case Who.Diverted:
      return observe(send(env.STABLE, request), (status) => rust().diverted_answered(status));
    default:
      return guard(request, env, who === Who.Forced, ticket, begun);
  }
}

/** Sends the request to a variant. A synchronous exception becomes a rejection. */
export function send(variant, request) {
  try {
    return variant.fetch(request);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The variant's response, or what a client sees when nobody answered. */
export function orElse(response) {
  return response.then(undefined, unanswered);
}

function unanswered(error) {
  return rust().unanswered(error);
}

/** Stable's response, of whose status `told` is told: 0 for an exception. */
function observe(response, told) {
  return response.then(
    (answer) => {
      tell(told, answer.status);
      return answer;
    },
    (error) => {
      tell(told, 0);
      return unanswered(error);
    },
  );
}

/** A response is none the worse if Rust traps when it is told of it. */
function tell(told, status) {
  try {
    told(status);
  } catch (error) {
    noteTrap(error);
  }
}

/** The canary's response, or what stands in for it. */
function guard(request, env, isForced, ticket, begun) {
  const limit = rust().deadline_ms();
  const sent = send(env.CANARY, request);
  const attempt = { request, env, isForced, ticket, begun, limit, sent };
  return outcomeOf(attempt, limit > 0 ? byDeadline(sent, limit, begun) : sent);
}

function outcomeOf(attempt, response) {
  return response.then(
    (answer) => settle(attempt, answer.status, answer),
    (error) => (error === LATE ? giveUp(attempt) : settle(attempt, 0, error)),
  );
}

/** The canary's outcome, a response or with status 0 an exception, or stable's response where Rust says so. */
function settle(attempt, status, outcome) {
  if (!isReplayed(attempt, status, outcome)) return status === 0 ? unanswered(outcome) : outcome;
  letGo(outcome);
  return orElse(send(attempt.env.STABLE, again(attempt.request)));
}

/** After its deadline the canary has failed, if the request is one that is given up. */
function giveUp(attempt) {
  const { request, limit, sent } = attempt;
  if (!isGivenUp(request)) return outcomeOf(attempt, sent);
  sent.then(letGo, () => {});
  return settle(attempt, 0, new DOMException(`the canary did not answer within ${limit} ms`, "TimeoutError"));
}

function isReplayed({ request, env, isForced, ticket, begun }, status, outcome) {
  try {
    const then = rust().canary_answered(request, isForced, status, outcome, ticket, begun);
    follow(then, env, "canary", begun);
    return (then & Then.Replay) !== 0;
  } catch (error) {
    noteTrap(error);
    // Whatever Rust would have said, this is safe.
    return (status === 0 || status >= 500) && mayReplay(request);
  }
}

function isGivenUp(request) {
  try {
    return rust().is_given_up(request);
  } catch (error) {
    noteTrap(error);
    return mayReplay(request);
  }
}

/** What the core calls replayable, for when it cannot be asked. */
function mayReplay(request) {
  return request.body === null && isSafe(request) && !request.headers.has("upgrade");
}

/** Whether it changes nothing. */
export function isSafe(request) {
  return ["GET", "HEAD", "OPTIONS"].includes(request.method);
}

/** A response that is not used is let go of, so that its connection is. */
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
function withCookie(response, cookie) {
  return response.then((answer) => {
    if (answer.webSocket) return answer;
    const own = new Response(answer.body, answer);
    own.headers.append("Set-Cookie", cookie);
    // A shared cache must not give this visitor's cookie to others.
    if (!/\b(private|no-store)\b/i.test(own.headers.get("Cache-Control") ?? "")) own.headers.append("Cache-Control", "private");
    return own;
  });
}

/** The request without reserved headers, and with this `Cookie` header (none if empty). */
function cleaned(request, cookies) {
  const headers = withoutReserved(request.headers);
  if (cookies) headers.set("Cookie", cookies);
  else headers.delete("Cookie");
  return new Request(request, { headers });
}
