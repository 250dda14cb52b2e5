// A KV namespace that does as it is told: the protocol is the one workerd's KV binding speaks (GET /<key>, and POST
// /bulk/get with {keys, type} answered by an object of key to value or null). Tests steer it through `control`.

let values = {};
/** Results of reads while KV lags: the values from before. */
let oldValues = {};
let mode = { kind: "ok" };
let writeMode = { kind: "ok" };
/** Answer to each read, oldest first. */
let reads = [];

export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (request.method === "PUT" || request.method === "DELETE") return write(request, url);
    const bulk = request.method === "POST" && url.pathname === "/bulk/get";
    const keys = bulk ? (await request.json()).keys : [decodeURIComponent(url.pathname.slice(1))];
    const readable = mode.kind === "lag" ? oldValues : values;
    const found = Object.fromEntries(keys.map((key) => [key, readable[key] ?? null]));
    const text = bulk ? JSON.stringify(found) : found[keys[0]];
    reads.push({ bulk, found, mode: mode.kind });

    switch (mode.kind) {
      case "status":
        return new Response("scripted failure", { status: mode.status });
      case "throw":
        throw new Error("scripted failure of KV");
      case "hang":
        // The first reads, or all of them.
        if (reads.length <= (mode.first ?? Infinity)) await scheduler.wait(60_000);
        break;
      case "slow":
        await scheduler.wait(mode.milliseconds);
        break;
      case "garbage":
        return new Response("\u0000<html>not what was asked for</html>", { status: 200 });
      case "truncated":
        return truncated(text ?? "");
    }
    return text === null ? new Response(null, { status: 404 }) : new Response(text);
  },
};

async function write(request, url) {
  const key = decodeURIComponent(url.pathname.slice(1));
  const text = request.method === "PUT" ? await request.text() : undefined;
  if (writeMode.kind === "status") return new Response("scripted failure", { status: writeMode.status });
  if (writeMode.kind === "throw") throw new Error("scripted failure of KV");
  if (writeMode.kind === "hang") await scheduler.wait(60_000);
  if (text === undefined) delete values[key];
  else values[key] = text;
  return new Response(null);
}

/** GET tells what was read (`/values`: what there is); POST sets `values`, `mode` and `writeMode`. */
export const control = {
  async fetch(request) {
    if (request.method === "POST") {
      const wanted = await request.json();
      if (wanted.mode?.kind === "lag") oldValues = { ...values };
      if (wanted.values) values = wanted.values;
      if (wanted.mode) mode = wanted.mode;
      if (wanted.writeMode) writeMode = wanted.writeMode;
      if (wanted.forget) reads = [];
      return Response.json({ reads: reads.length });
    }
    return Response.json(new URL(request.url).pathname === "/values" ? values : reads);
  },
};

function truncated(text) {
  const half = new TextEncoder().encode(text.slice(0, Math.ceil(text.length / 2)));
  let sent = false;
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (sent) controller.error(new Error("scripted break in the middle"));
        else controller.enqueue(half);
        sent = true;
      },
    }),
  );
}
