// Both variants in one Worker, so that one counter numbers what either is asked. A request says what it wants done in
// its query: `?canary=throw`, `?stable=status:503`, `?both=sse`; without one it is told back as JSON.

import { WorkerEntrypoint } from "cloudflare:workers";

let sequence = 0;
let journal = [];
let health = {};
/** Number of arrivals of each numbered write. */
const writes = new Map();
const sockets = new Set();

class Variant extends WorkerEntrypoint {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/health") return this.#health(request);
    const number = sequence++;
    const write = request.headers.get("x-write");
    if (write) writes.set(write, (writes.get(write) ?? 0) + 1);
    const mirror = request.headers.get("serin-mirror");
    const entry = { number, variant: this.name, method: request.method, path: url.pathname, ...(mirror !== null && { mirror }) };
    // The soak asks by the ten thousand, and has its answers' numbers instead.
    if (!url.searchParams.has("quiet")) journal.push(entry);
    const [behaviour, argument] = (url.searchParams.get(this.name) ?? url.searchParams.get("both") ?? "echo").split(":");
    const act = BEHAVIOURS[behaviour];
    if (!act) return new Response(`no behaviour ${behaviour}`, { status: 400 });
    return act({ request, url, number, argument, entry, name: this.name, ctx: this.ctx });
  }

  async #health(request) {
    const wanted = health[this.name] ?? "ok";
    journal.push({ variant: this.name, method: request.method, path: "/health" });
    if (wanted === "throw") throw new Error("scripted failure of /health");
    if (wanted === "hang") await scheduler.wait(60_000);
    return Response.json({ status: wanted }, { status: wanted === "ok" ? 200 : 503 });
  }
}

export class Stable extends Variant {
  name = "stable";
}

export class Canary extends Variant {
  name = "canary";
}

/** The ids of both versions, where the variants are versions of one Worker. */
const VERSIONS = { stable: "0b5e9a4e-6f0c-4a9e-8f43-1b7a6f0d2c11", canary: "9d2f1c70-3c5b-4f0e-b1a6-5e8d7c4b3a22" };
/**
 * How the platform treats an override: `honour` or `ignore`; how long it takes to `late` answers, in ms; whether answers state their
 * version (`marks`: `true`, `false`, or `"health"` for those of /health alone); and whether a request without an override gets the canary (`percentage`: 100) or stable.
 */
let platform = { override: "honour", late: 0, marks: true, percentage: 0 };

/** Stands in for the platform in front of one Worker with two versions: a request goes to the version that its override names. */
export class Platform extends WorkerEntrypoint {
  async fetch(request) {
    const { override, late, marks, percentage } = platform;
    if (late) await scheduler.wait(late);
    const wanted = override === "honour" ? overrideOf(request.headers, "variants") : undefined;
    const known = Object.entries(VERSIONS).find(([, id]) => id === wanted)?.[0];
    const name = known ?? (percentage === 100 ? "canary" : "stable");
    const Version = name === "canary" ? Canary : Stable;
    const response = await new Version(this.ctx, this.env).fetch(request);
    const isMarked = marks === true || (marks === "health" && new URL(request.url).pathname === "/health");
    if (!isMarked || response.status === 101) return response;
    const marked = new Response(response.body, response);
    marked.headers.set("serin-version", VERSIONS[name]);
    return marked;
  }
}

/** The version that a header names for a Worker. As on the platform, a value that is no dictionary of strings is ignored as a whole. */
function overrideOf(headers, worker) {
  const value = headers.get("cloudflare-workers-version-overrides");
  if (value === null || !/^[a-z*][a-z0-9_.*-]*="(?:[ !#-[\]-~]|\\["\\])*"(?:[ \t]*,[ \t]*[a-z*][a-z0-9_.*-]*="(?:[ !#-[\]-~]|\\["\\])*")*$/.test(value)) return undefined;
  const members = value.matchAll(/([a-z*][a-z0-9_.*-]*)="((?:[^"\\]|\\.)*)"/g);
  return [...members].findLast(([, key]) => key === worker)?.[2].replaceAll(/\\(.)/g, "$1");
}

/** Interface for tests: GET returns the journal (`/writes`: how many came, and how many of them more than once), POST sets the answers of /health, DELETE starts afresh. */
export const control = {
  async fetch(request) {
    if (request.method === "POST" && new URL(request.url).pathname === "/platform") {
      platform = { ...platform, ...(await request.json()) };
      return Response.json(platform);
    }
    if (request.method === "POST") health = await request.json();
    if (request.method === "DELETE") {
      journal = [];
      health = {};
    }
    if (new URL(request.url).pathname !== "/writes") return Response.json(journal);
    return Response.json({ seen: writes.size, repeated: [...writes.values()].filter((times) => times > 1).length });
  },
};

/** Receiver of the data points of Analytics Engine. */
export default {
  async fetch(request) {
    journal.push({ variant: "analytics", path: new URL(request.url).pathname, text: await request.text() });
    return new Response();
  },
};

const BEHAVIOURS = {
  // The answer of a server of the test, at this port.
  origin: ({ request, url, argument }) => fetch(`http://127.0.0.1:${argument}${url.pathname}${url.search}`, request),

  async echo({ request, number, name }) {
    const body = new Uint8Array(await request.arrayBuffer());
    const { method, url, cf } = request;
    const told = { variant: name, number, method, url, headers: [...request.headers], cf, length: body.length };
    return Response.json({ ...told, sha256: await sha256(body) }, { headers: { "x-variant": name } });
  },

  // As little as an answer can be.
  name: ({ name, number }) => new Response(`${name} ${number}`),

  throw({ name, url }) {
    throw new Error(`${name} throws, as scripted${url.searchParams.get("say") ?? ""}`);
  },

  status: ({ argument, name }) =>
    new Response([101, 204, 205, 304].includes(Number(argument)) ? null : `${name} answers ${argument}`, {
      status: Number(argument),
      headers: { "x-variant": name, etag: '"v1"' },
    }),

  async hang({ name }) {
    await scheduler.wait(60_000);
    return new Response(`${name} at last`);
  },

  async late({ argument, name }) {
    await scheduler.wait(Number(argument));
    return new Response(`${name} at last`);
  },

  // The head and a part of the body, then nothing more.
  stall: ({ name }) => new Response(partOf(name, () => scheduler.wait(60_000)), { headers: { "x-variant": name } }),

  // The head and a part of the body, then the connection breaks.
  reset: ({ name }) =>
    new Response(
      partOf(name, (controller) => controller.error(new Error(`${name} breaks off, as scripted`))),
      { headers: { "x-variant": name } },
    ),

  // The first of three parts of a body whose length is known.
  part: ({ name }) =>
    new Response(name.slice(0, 3), { status: 206, headers: { "content-range": `bytes 0-2/${name.length}`, "x-variant": name } }),

  // So many MiB of pseudo-random bytes, as fast as they are read. Writes down when they have all been read, or nobody reads on.
  mebibytes({ argument, name, entry }) {
    let left = Number(argument) * 16;
    let seed = 1;
    const cancel = () => (entry.ended = true);
    const pull = (controller) => {
      if (left-- === 0) return cancel(), controller.close();
      const words = new Uint32Array(16_384);
      for (let at = 0; at < words.length; at += 1) words[at] = seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      controller.enqueue(new Uint8Array(words.buffer));
    };
    return new Response(new ReadableStream({ pull, cancel }), { headers: { "x-variant": name } });
  },

  loop: ({ url, name }) => new Response(null, { status: 302, headers: { location: url.href, "x-variant": name } }),

  busy: ({ argument, name }) => new Response(`${name} is busy`, { status: 503, headers: { "retry-after": argument } }),

  // Ends when the other side goes away, and writes that down.
  endless({ name, entry }) {
    let ticking = true;
    const body = new ReadableStream({
      async pull(controller) {
        await scheduler.wait(10);
        if (ticking) controller.enqueue(new TextEncoder().encode(`${name}\n`));
      },
      cancel() {
        ticking = false;
        entry.cancelled = true;
      },
    });
    return new Response(body, { headers: { "content-type": "text/plain" } });
  },

  // The last event waits for a request to /release/<id>.
  sse({ name, url }) {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    const say = (text) => writer.write(new TextEncoder().encode(`data: ${name} ${text}\n\n`));
    const id = url.searchParams.get("id");
    (async () => {
      await say("first");
      while (!journal.some(({ path }) => path === `/release/${id}`)) await scheduler.wait(10);
      await say("last");
      await writer.close();
    })();
    return new Response(readable, { headers: { "content-type": "text/event-stream" } });
  },

  // Counts an upload as it streams by, and never holds more than a chunk.
  async count({ request, name, entry }) {
    let length = 0;
    let pieces = 0;
    let edges = 0;
    for await (const chunk of request.body) {
      length += chunk.length;
      pieces += 1;
      edges += chunk[0] + chunk[chunk.length - 1];
      entry.seen = length;
    }
    return Response.json({ variant: name, length, pieces, edges });
  },

  // The argument is how long the handshake takes, in ms.
  async websocket({ request, url, argument, name }) {
    if (request.headers.get("upgrade") !== "websocket") return new Response("expected an upgrade", { status: 426 });
    if (argument) await scheduler.wait(Number(argument));
    const [client, server] = Object.values(new WebSocketPair());
    server.binaryType = "arraybuffer";
    server.accept();
    sockets.add(server);
    server.addEventListener("message", ({ data }) => {
      server.send(typeof data === "string" ? `${name}: ${data}` : data);
    });
    server.addEventListener("close", ({ code }) => {
      sockets.delete(server);
      server.close(code);
    });
    const headers = [["sec-websocket-protocol", "serin-test"], ...url.searchParams.getAll("cookie").map((value) => ["set-cookie", value])];
    return new Response(null, { status: 101, webSocket: client, headers });
  },

  // Whatever headers a request wants: names and values, as JSON.
  headers({ url, name }) {
    const wanted = JSON.parse(url.searchParams.get("set"));
    return new Response(`${name} ${url.searchParams.get("say") ?? ""}`, { headers: [...wanted, ["x-variant", name]] });
  },

  redirect: ({ argument, name }) =>
    new Response(null, { status: Number(argument), headers: { location: "/elsewhere?from=variant", "x-variant": name } }),

  cookies({ name }) {
    const headers = new Headers({ "x-variant": name });
    headers.append("set-cookie", "first=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT");
    headers.append("set-cookie", "second=2; HttpOnly");
    headers.append("set-cookie", "first=3; Path=/other");
    return new Response("cookies", { headers });
  },

  // Bytes that are compressed already travel as they are: `manual` says so to the runtime.
  compressed({ argument, url, name }) {
    const bytes = Uint8Array.fromBase64(url.searchParams.get("bytes"), { alphabet: "base64url" });
    const headers = { "content-encoding": argument, "content-type": "text/plain", "x-variant": name };
    return new Response(bytes, { encodeBody: "manual", headers });
  },
};

function partOf(name, then) {
  let isBegun = false;
  return new ReadableStream({
    pull(controller) {
      if (isBegun) return then(controller);
      isBegun = true;
      controller.enqueue(new TextEncoder().encode(name));
    },
  });
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
