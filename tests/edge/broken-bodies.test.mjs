// Bodies that break off after their head: a sample is watched to its end, on both sides, without a change of any byte.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import test from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { expected } from "./harness/bucket.mjs";
import { NAVIGATION, visitorCookie, visitorId } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const OFF = { enabled: false, percentage: 0 };
const PLAN = { ...QUICK_PLAN, id: "r1", steps: [50, 100], hold: "1h", settle: "100ms", lookEvery: "200ms" };

async function startRollout(serin, plan) {
  const answer = await serin.api("POST", "rollouts", { ...PLAN, ...plan });
  assert.equal(answer.status, 200, answer.text);
  // Isolates hear of it with the answers to their counts.
  await eventually(async () => {
    for (let visitor = 0; visitor < 20; visitor += 1) await serin.request("/?both=name&quiet", { headers: { "cf-connecting-ip": `203.0.113.${visitor}` } });
    const { canary, stable } = await figures(serin);
    assert.ok(canary?.requests > 0 && stable?.requests > 0);
  });
}

/** The variants' numbers in this step, as of the last analysis. */
const figures = async (serin) => (await serin.api("GET", "status")).json.rollout.figures ?? {};

for (const [sample, watchBodies] of Object.entries({ "every body": 100, "the default sample": undefined })) {
  test(`a canary that breaks off every body is rolled back (${sample})`, async (t) => {
    const serin = await startSerin(t, { kv: { "canary-state": OFF } });
    const load = startLoad(t, serin, { path: () => "/?canary=reset&stable=name&quiet" });
    const { json } = await serin.api("POST", "rollouts", { ...PLAN, watchBodies });
    assert.equal(json.rollout.phase, "progressing");
    await serin.status(({ rollout }) => rollout.phase === "rolled-back");
    const [verdict] = (await serin.audit()).filter(({ action }) => action === "rolled-back");
    assert.match(verdict.sentence, /fails more often than stable|above a ceiling/);
    const broken = (await load.stop()).filter(({ status }) => status === 0).length;
    t.diagnostic(`after ${broken} broken bodies`);
  });
}

test("with watchBodies 0 no body is watched", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  await startRollout(serin, { watchBodies: 0 });
  const load = startLoad(t, serin, { path: () => "/?both=reset&quiet" });
  await eventually(() => assert.ok(load.answers.length > 400));
  await load.stop();
  const { canary, stable } = await figures(serin);
  assert.deepEqual([canary.failures, stable.failures], [0, 0]);
  assert.equal((await serin.api("GET", "status")).json.rollout.watchBodies, 0, "the status says so");
});

test("bodies that break on both sides alike are failures of both, and no reason to roll back", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  await startRollout(serin, { watchBodies: 100, steps: [20, 100] });
  const load = startLoad(t, serin, { path: () => "/?both=reset&quiet" });
  const { canary, stable } = await eventually(async () => {
    const counts = await figures(serin);
    assert.ok(counts.canary.failures > 100 && counts.stable.failures > 100);
    return counts;
  }, { within: 20_000 });
  await load.stop();
  for (const { requests, failures } of [canary, stable]) assert.ok(failures <= requests, `${failures} of ${requests}`);
  assert.notEqual((await serin.api("GET", "status")).json.rollout.phase, "rolled-back");
});

test("a client that leaves in its download is no failure", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  await startRollout(serin, { watchBodies: 100 });
  for (let visitor = 0; visitor < 40; visitor += 1) {
    const headers = { "cf-connecting-ip": `203.0.113.${visitor}` };
    const { message, outgoing } = await serin.client.open(`/left?both=mebibytes:8`, { headers, agent: false });
    await once(message, "data");
    outgoing.on("error", () => {});
    outgoing.destroy();
  }
  // A download that was left ends as a whole one for the watcher; the analyses after that have it.
  await eventually(async () => {
    const entries = (await serin.journal()).filter(({ path }) => path === "/left");
    assert.equal(entries.filter(({ ended }) => ended).length, 40);
  });
  const before = await figures(serin);
  const { canary, stable } = await eventually(async () => {
    await serin.request("/?both=name&quiet", { headers: { "cf-connecting-ip": "203.0.113.1" } });
    const counts = await figures(serin);
    assert.ok(counts.canary.requests + counts.stable.requests > before.canary.requests + before.stable.requests + 40);
    return counts;
  });
  assert.deepEqual([canary.failures, stable.failures], [0, 0]);
});

test("a body longer than what is watched arrives whole at a slow client, and is not held in memory", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  await startRollout(serin, { watchBodies: 100 });
  const download = async (pause) => {
    const { message } = await serin.client.open("/?both=mebibytes:96", { headers: { "cf-connecting-ip": "203.0.113.1" }, agent: false });
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of message) {
      hash.update(chunk);
      length += chunk.length;
      if (pause && length % (1 << 22) < chunk.length) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return [length, hash.digest("hex")];
  };
  const before = await serin.peakMemory();
  const [length, digest] = await download(true);
  const grown = ((await serin.peakMemory()) - before) / 2 ** 20;
  assert.equal(length, 96 << 20);
  assert.deepEqual(await download(false), [length, digest]);
  assert.ok(grown < 64, `${grown} MiB more`);
});

const visitorOf = (variant) => visitorCookie(Array.from({ length: 100 }, (_, n) => n).find((n) => expected(visitorId(n), 50, PLAN.id) === variant));
/** A visitor of each variant, and one whose variant is random and whose response is rebuilt. */
const WAYS = { stable: visitorOf("stable"), canary: visitorOf("canary"), "first visit": NAVIGATION };

/** The bytes of an answer, up to the end of the connection. A new visitor's id is left out. */
function wire(port, target, { method = "GET", headers = {} } = {}) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const lines = Object.entries({ host: "shop.example", connection: "close", "accept-encoding": "gzip, br", ...headers });
    socket.write(`${method} ${target} HTTP/1.1\r\n${lines.map((pair) => `${pair.join(": ")}\r\n`).join("")}\r\n`);
    const chunks = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", (error) => chunks.push(Buffer.from(`! ${error.code}`)));
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1").replace(/__Host-serin=[0-9a-f]{32}/, "__Host-serin=…")));
  });
}

test("what a client gets is the same to the byte, whether its body is watched or not", async (t) => {
  const plain = Buffer.from("a line that compresses well, again and again\n".repeat(50));
  const bodies = { gzip: gzipSync(plain, { level: 9 }), br: brotliCompressSync(plain), "gzip cut off": gzipSync(plain).subarray(0, 40), "gzip that is none": Buffer.from("not gzip") };
  const compressed = Object.entries(bodies).map(([name, bytes]) => `compressed:${name.split(" ")[0]}&bytes=${bytes.toString("base64url")}`);
  const set = (...headers) => `headers&say=hello&set=${encodeURIComponent(JSON.stringify(headers))}`;
  const behaviours = [
    ...compressed, "part", "status:200", "status:204", "status:205", "status:304", "status:404", "status:418", "status:501", "redirect:307", "cookies", "reset", "late:50",
    set(["content-type", "text/event-stream"]), set(["content-type", "application/x-ndjson"], ["cache-control", "no-transform"]), set(["content-encoding", "identity"]), set(["trailer", "x"]), set(["etag", 'W/"1"']),
  ];
  const answers = [];
  for (const watchBodies of [0, 100]) {
    const serin = await startSerin(t, { kv: { "canary-state": OFF } });
    await startRollout(serin, { watchBodies });
    const these = {};
    for (const behaviour of behaviours) {
      for (const [way, headers] of Object.entries(WAYS)) {
        for (const method of ["GET", "HEAD", "POST"]) {
          const length = method === "POST" ? { "content-length": 0 } : {};
          const got = await wire(serin.port, `/?both=${behaviour}`, { method, headers: { ...headers, ...length } });
          these[`${behaviour} ${way} ${method}`] = way === "first visit" ? got.replace(/stable|canary|sta|can/g, "either") : got;
        }
      }
    }
    answers.push(these);
  }
  const [unwatched, watched] = answers;
  for (const [name, answer] of Object.entries(unwatched)) assert.ok(watched[name] === answer, `${name}: ${answer.slice(0, 300)} | ${watched[name].slice(0, 300)}`);
  assert.ok(new Set(Object.values(unwatched)).size > behaviours.length);
});

test("events and WebSockets are left alone where every body is watched", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  await startRollout(serin, { watchBodies: 100 });
  for (const id of ["1", "2", "3"]) {
    const { message } = await serin.client.open(`/?both=sse&id=${id}`, { headers: { "cf-connecting-ip": `203.0.113.${id}` } });
    const [chunk] = await once(message, "data");
    message.pause();
    assert.match(String(chunk), /^data: (stable|canary) first\n\n$/);
    await serin.request(`/release/${id}`);
    let rest = "";
    for await (const more of message) rest += more;
    assert.match(rest, /^data: (stable|canary) last\n\n$/);
    const socket = new WebSocket(`ws://127.0.0.1:${serin.port}/?both=websocket`, "serin-test");
    await once(socket, "open");
    socket.send("hello");
    const [{ data }] = await once(socket, "message");
    assert.match(data, /^(stable|canary): hello$/);
    socket.close();
  }
});
