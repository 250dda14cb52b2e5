// The Worker's doors. A request is handed to Rust with what every decision needs of it, and a panic is survived. What belongs
// to the control plane is loaded when it is first needed.
import { behind } from "./behind.js";
import { dispatch, isSafe, orElse, send } from "./dispatch.js";
import { health } from "./health.js";
import { Also, Who, noteTrap, rust } from "./instance.js";
import { firstRead, refresh } from "./policy.js";
import { hasReserved } from "./reserved.js";

const control = () => import("./control.js");

/** Below the first of `Also`'s bits is one of `Who`. */
const WHO = Also.Observe - 1;

export default {
  fetch(request, env) {
    try {
      const begun = Date.now();
      const route = routeOf(request, env, begun);
      return route === Who.Stable ? orElse(send(env.STABLE, request)) : answer(route, request, env, begun);
    } catch (error) {
      return outage(error, request, env);
    }
  },
};

function routeOf(request, env, now) {
  const { url, headers } = request;
  return rust(env).route(request, withoutQuery(url), ownCookies(headers.get("cookie")), hasReserved(headers), now);
}

function answer(route, request, env, begun) {
  if (route & Also.Refresh) behind(refresh(env, request));
  const who = route & WHO;
  switch (who) {
    case Who.Serin:
      return rust().answer();
    case Who.Health:
      return health(request, env, (route & Also.Detail) !== 0);
    case Who.Api:
      return api(request, env);
    case Who.Unread:
      return firstAnswer(request, env);
    default:
      return dispatch(route, who, request, env, begun);
  }
}

/** An isolate that knows no policy yet. */
async function firstAnswer(request, env) {
  try {
    await firstRead(env);
    const now = Date.now();
    return await answer(routeOf(request, env, now), request, env, now);
  } catch (error) {
    return outage(error, request, env);
  }
}

/** Rust asks for the query where it is needed, which is hardly ever; some are long. */
function withoutQuery(url) {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}

/**
 * The part of a `Cookie` header with Serin's own cookies in it, by whole pairs. Rust asks for all of it where a policy names
 * other cookies: most headers are long, and every character that crosses over costs.
 */
function ownCookies(header) {
  const first = header === null ? -1 : header.indexOf("serin");
  if (first < 0) return "";
  const end = header.indexOf(";", header.lastIndexOf("serin"));
  return header.slice(header.lastIndexOf(";", first) + 1, end < 0 ? undefined : end);
}

/** Rust answers everything but the control API. */
async function api(request, env) {
  return (await control()).api(request, env);
}

export class RolloutController {
  constructor(state, env) {
    this.own = [state, env];
  }

  async fetch(request) {
    return (await control()).controllerFetch(...this.own, request);
  }

  async alarm() {
    return (await control()).controllerAlarm(...this.own);
  }
}

export class MetricsShard {
  constructor(state, env) {
    this.own = [state, env];
  }

  async fetch(request) {
    return (await control()).shardFetch(...this.own, request);
  }

  async alarm() {
    return (await control()).shardAlarm(...this.own);
  }
}

/** Serin itself failed: stable answers what may be sent twice, and what cannot have been sent yet: its body is still whole. */
function outage(error, request, env) {
  noteTrap(error);
  console.error(JSON.stringify({ event: "panic", error: String(error) }));
  const mayBeSent = request.body === null ? isSafe(request) : !request.bodyUsed;
  return mayBeSent ? env.STABLE.fetch(request) : new Response("Internal error", { status: 500 });
}
