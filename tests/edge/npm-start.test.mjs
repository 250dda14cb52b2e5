// The first steps of a new user: `npm start`, curl, and keys changed with the wrangler command line in another terminal.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { promisify } from "node:util";
import { expected } from "./harness/bucket.mjs";
import { Browser, Client, visitorId } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";

const ROOT = join(import.meta.dirname, "..", "..");
const START = { within: 300_000 };
// The state in wrangler.toml is refreshed every five seconds.
const FLIP = { within: 15_000 };

test("npm start serves both variants, and applies every key that the wrangler command line writes", async (t) => {
  const state = await mkdtemp(join(tmpdir(), "serin-start-"));
  const { port } = await start(t, state);
  const client = new Client(port);
  t.after(() => client.close());
  const browsers = Array.from({ length: 40 }, (_, n) => new Browser(client, { "__Host-serin": visitorId(n) }));
  const served = () => Promise.all(browsers.map(async (browser) => (await browser.request("/")).json.served_by));
  const predicted = (percentage) => browsers.map((_, n) => expected(visitorId(n), percentage));
  const key = (verb, ...args) => wrangler("kv", "key", verb, "--local", "--persist-to", state, "--binding", "CANARY_STATE", ...args);

  await eventually(async () => assert.deepEqual(await served(), predicted(25)), START);

  for (const percentage of [0, 100]) {
    await key("put", "canary-state", JSON.stringify({ enabled: true, percentage }));
    await eventually(async () => assert.deepEqual(await served(), predicted(percentage)), FLIP);
    const { policy } = (await client.request("/health?detailed=true")).json.components;
    assert.equal(policy.percentage, percentage);
  }

  const effects = {
    "ops:disable_canary": async () => assert.deepEqual(await served(), predicted(0)),
    "ops:disable_writes": async () => assert.equal((await client.request("/", { method: "PUT" })).status, 503),
    "ops:maintenance": async () => assert.equal((await client.request("/")).status, 503),
  };
  for (const [name, effect] of Object.entries(effects)) {
    await key("put", name, "1");
    await eventually(effect, FLIP);
    const { switches } = (await client.request("/health?detailed=true")).json.components;
    assert.deepEqual(switches.on.map((on) => on.name), [name]);
    await key("put", name, "0");
    await eventually(async () => assert.deepEqual(await served(), predicted(100)), FLIP);
  }
});

/** Starts with its own ports, KV and registry of Workers, so that a running `npm start` and its state are not affected. */
async function start(t, state) {
  const args = ["--port", "0", "--inspector-port", "0", "--persist-to", state];
  const env = { ...process.env, WRANGLER_REGISTRY_PATH: join(state, "registry") };
  const child = spawn("node", ["scripts/start.mjs", ...args], { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
  const output = [];
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGTERM");
    await ended;
    // wrangler does not end if its folder is gone.
    await rm(state, { recursive: true, force: true, maxRetries: 5 });
  });
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", (line) => output.push(line));
  return eventually(() => {
    const port = /Ready on http:\/\/localhost:(\d+)/.exec(output.join("\n"))?.[1];
    if (!port) throw new Error(`not ready:\n${output.join("\n")}`);
    return { port: Number(port) };
  }, START);
}

function wrangler(...args) {
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false" };
  return promisify(execFile)(join(ROOT, "node_modules", ".bin", "wrangler"), args, { cwd: ROOT, env });
}
