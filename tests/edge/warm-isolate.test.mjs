// An isolate that has served many canary requests before a fault occurs. Nothing of one request may be resolved, rejected or called from
// another request's context: timers, promises and callbacks that requests share work at first, and fail later, when the request that
// created them has ended.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Client, visitorCookie } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const WARM_UP = 30_000;
const CONNECTIONS = 16;
const DEADLINE = 500;
/** Delay that a busy machine may add to a response, in ms. */
const SLACK = 1_000;
/** A healthy canary, and a canary that is slower than the deadline. */
const SLOW = 2 * DEADLINE;
/** An upload longer than the limit for a deadline, 64 KiB. */
const UPLOAD = 100_000;
const HANGS = "/?canary=hang&stable=echo";

test("after 30,000 requests to the canary an isolate still keeps requests apart", async (t) => {
  const serin = await startSerin(t, {
    kv: { "canary-state": { enabled: true, percentage: 100 } },
    vars: { CANARY_DEADLINE_SECONDS: String(DEADLINE / 1_000) },
  });
  const client = new Client(serin.port, CONNECTIONS);
  t.after(() => client.close());
  await warm(client);

  /** Checks stable's answer to a request on which the canary hangs: on the request's own path, at the deadline. */
  const answeredByStable = async (path, options) => {
    const begun = performance.now();
    const answer = await client.request(HANGS.replace("/", path), options);
    const took = performance.now() - begun;
    assert.deepEqual([answer.status, answer.headers["x-variant"]], [200, "stable"], path);
    assert.equal(new URL(answer.json.url).pathname, path, "the answer is the request's own");
    assert.ok(took >= DEADLINE - 10 && took < DEADLINE + SLACK, `${path} took ${took} ms`);
  };
  /** Waits until a breaker that counted the failures of the previous part has closed. */
  const healthy = () =>
    eventually(async () => {
      for (let n = 0; n < 10; n += 1) assert.equal(await serin.variant(), "canary");
    }, { within: 60_000 });

  await t.test("a deadline passes: stable answers a GET, and 504 a write", async () => {
    await answeredByStable("/deadline");
    const begun = performance.now();
    const late = await client.request("/?canary=hang", { method: "DELETE" });
    const took = performance.now() - begun;
    assert.deepEqual([late.status, late.json.type], [504, "urn:serin:late"]);
    assert.ok(took >= DEADLINE - 10 && took < DEADLINE + SLACK, `${took} ms`);
  });

  await t.test("four requests at once to a canary that hangs: stable answers each in time", async () => {
    await healthy();
    await Promise.all([1, 2, 3, 4].map((n) => answeredByStable(`/at-once/${n}`)));
  });

  await t.test("a canary that fails at once: stable answers each request", async () => {
    await healthy();
    for (const failure of ["throw", "status:500", "status:503"]) {
      const answer = await client.request(`/failing?canary=${failure}&stable=echo`);
      assert.deepEqual([answer.status, answer.json.variant, new URL(answer.json.url).pathname], [200, "stable", "/failing"], failure);
    }
  });

  await t.test("a client leaves while the canary hangs: the deadlines of the others hold", async () => {
    await healthy();
    let leave;
    const left = client.open("/left?canary=hang", { agent: false }, (outgoing) => {
      leave = () => outgoing.destroy();
      outgoing.end();
    });
    await eventually(async () => assert.ok((await serin.journal()).some(({ path }) => path === "/left"), "it is with the canary"));
    const others = [answeredByStable("/stays/1"), answeredByStable("/stays/2")];
    leave();
    await assert.rejects(left);
    await Promise.all(others);
  });

  await t.test("uploads that take longer than the deadline reach the canary whole, beside a request that is late", async () => {
    await healthy();
    const uploads = [1, 2, 3, 4].map((n) => upload(client, UPLOAD + n));
    await Promise.all([...uploads, answeredByStable("/beside-uploads")]);
  });

  await t.test("WebSockets whose handshake takes longer than the deadline open and talk, beside a request that is late", async () => {
    await healthy();
    const sockets = [1, 2, 3, 4].map((n) => talk(serin.port, `hello ${n}`));
    await Promise.all([...sockets, answeredByStable("/beside-sockets")]);
  });

  await t.test("slow answers within the deadline, all at once, are the canary's and each request's own", async () => {
    await healthy();
    const path = (n) => `/own/${n}?canary=headers&set=[]&say=${n}`;
    const answers = await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, n) => {
        const [late, own] = await Promise.all([client.request(`/?canary=late:${DEADLINE / 4}`), client.request(path(n))]);
        return [late.text, own.text];
      }),
    );
    assert.deepEqual(answers, Array.from({ length: CONNECTIONS }, (_, n) => ["canary at last", `canary ${n}`]));
    // Long after their deadlines, nothing of these requests disturbs later ones.
    await pause(SLOW);
    assert.equal(await serin.variant(), "canary");
  });

  const complaints = serin.output.filter((line) => /different request|different context|"event":"panic"|hung/i.test(line));
  assert.deepEqual([...new Set(complaints)], [], "the runtime and Serin have nothing to complain about");
});

/** Sends the isolate many healthy requests. */
async function warm(client) {
  let sent = 0;
  let fromCanary = 0;
  const visit = async () => {
    while (sent < WARM_UP) {
      sent += 1;
      const { status, text } = await client.request("/?both=name&quiet", { headers: visitorCookie(sent % 500) });
      if (status === 200 && text.startsWith("canary ")) fromCanary += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, visit));
  assert.equal(fromCanary, WARM_UP);
}

/** An upload whose last byte is sent long after the deadline, and that the canary answers at its end. */
async function upload(client, length) {
  const headers = { "content-length": length };
  const { message } = await client.open("/?canary=count", { method: "POST", headers, agent: false }, (outgoing) => {
    outgoing.write(Buffer.alloc(length - 1));
    setTimeout(() => outgoing.end("x"), SLOW);
  });
  let text = "";
  for await (const part of message) text += part;
  assert.equal(message.statusCode, 200, text);
  const counted = JSON.parse(text);
  assert.deepEqual([counted.variant, counted.length], ["canary", length]);
}

async function talk(port, text) {
  const begun = performance.now();
  const socket = new WebSocket(`ws://127.0.0.1:${port}/?canary=websocket:${SLOW}`, "serin-test");
  await once(socket, "open");
  assert.ok(performance.now() - begun >= SLOW - 10, "the handshake was slower than the deadline");
  socket.send(text);
  const [{ data }] = await once(socket, "message");
  assert.equal(data, `canary: ${text}`);
  socket.close();
  await once(socket, "close");
}
