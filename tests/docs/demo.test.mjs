// `npm run demo`, without a terminal: both acts go as they should, and nothing is left behind.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { ROOT } from "./harness/pages.mjs";

test("the demo completes a rollout, rolls a broken canary back, and no client sees an error", async (t) => {
  const { code, text } = await demo(t, ["--break", "crash"]);
  assert.equal(code, 0, text);
  assert.match(text, /^The canary has all visitors\.$/m);
  assert.match(text, /^Rolled back after \d+ s\. The canary fails more often than stable: \d+ of \d+ /m);
  assert.match(text, /^Errors seen by clients: 0$/m);
});

test("Ctrl-C ends the demo, and it leaves nothing behind", async (t) => {
  const { code, text } = await demo(t, [], (child, line) => line.startsWith("Act 1") && child.kill("SIGINT"));
  assert.equal(code, 130, text);
});

test("the demo refuses an option that it does not know", async (t) => {
  const { code, text } = await demo(t, ["--break", "badly"]);
  assert.equal(code, 2);
  assert.match(text, /--break is badly, should be one of errors, slow, hang, crash/);
});

/** Runs the demo with its files in a folder that must be empty afterwards. Returns its exit code and what it printed. */
async function demo(t, args, onLine = () => {}) {
  const folder = await mkdtemp(join(tmpdir(), "serin-demo-test-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn("node", ["scripts/demo.mjs", "--no-tty", ...args], { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
      for (const line of chunk.split("\n")) onLine(child, line);
    });
  }
  const [code] = await once(child, "close");
  const left = (await readdir(folder)).filter((name) => name.startsWith("serin-demo-"));
  assert.deepEqual(left, [], text);
  return { code, text };
}
