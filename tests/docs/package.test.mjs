// The archive of the built Worker, used without Rust: unpacked in an empty folder, with wrangler alone.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import { Client } from "../edge/harness/client.mjs";
import { eventually } from "../edge/harness/eventually.mjs";
import { ROOT } from "./harness/pages.mjs";
import { WRANGLER_ENV } from "./harness/wrangler.mjs";

const WRANGLER = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");

test("the archive of the Worker runs with wrangler alone, and splits", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "serin-package-"));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  execFileSync("node", ["scripts/package.mjs", "--only", "worker"], { cwd: ROOT, env: WRANGLER_ENV, stdio: "pipe" });
  const dist = join(ROOT, "dist");
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const archive = `serin-worker-${version}.tar.gz`;
  assert.match(await readFile(join(dist, "SHA256SUMS"), "utf8"), new RegExp(`^[0-9a-f]{64}  ${archive}$`, "m"));
  execFileSync("tar", ["-xzf", join(dist, archive), "-C", folder]);
  const serin = join(folder, `serin-worker-${version}`);
  assert.deepEqual((await readdir(serin)).filter((name) => /^Cargo|\.rs$/.test(name)), []);

  // Step 1 of its page: the names of the two Workers.
  const config = await readFile(join(serin, "wrangler.jsonc"), "utf8");
  assert.ok(config.includes('"my-api-stable"') && config.includes('"my-api-canary"'));
  const named = config.replace('"my-api-stable"', '"serin-example-stable"').replace('"my-api-canary"', '"serin-example-canary"');
  await writeFile(join(serin, "wrangler.jsonc"), named);
  for (const name of ["stable", "canary"]) await cp(join(ROOT, "examples", name), join(folder, name), { recursive: true });

  // No Cargo: of the programs on this machine, only the Node that runs wrangler is on the path.
  const env = { ...WRANGLER_ENV, PATH: dirname(process.execPath) };
  const wrangler = (...args) => [[WRANGLER, ...args], { cwd: serin, env }];
  const state = join(folder, "state");
  const policy = JSON.stringify({ enabled: true, percentage: 50 });
  const put = ["kv", "key", "put", "--local", "--persist-to", state, "--binding", "CANARY_STATE", "canary-state", policy];
  execFileSync(process.execPath, wrangler(...put)[0], { ...wrangler()[1], stdio: "pipe" });
  const configs = ["wrangler.jsonc", "../stable/wrangler.toml", "../canary/wrangler.toml"].flatMap((file) => ["-c", file]);
  const [args, options] = wrangler("dev", ...configs, "--port", "0", "--persist-to", state);
  const child = spawn(process.execPath, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  t.after(async () => {
    if (child.exitCode === null && child.kill("SIGTERM")) await once(child, "exit");
  });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", (line) => output.push(line));
  const url = await eventually(() => {
    const [, ready] = /Ready on (http:\/\/localhost:\d+)/.exec(output.join("\n")) ?? [];
    assert.ok(ready, output.join("\n"));
    return ready;
  }, { within: 120_000 });

  const client = new Client(Number(new URL(url).port));
  t.after(() => client.close());
  await eventually(async () => {
    const served = new Set();
    for (let n = 0; n < 30; n += 1) served.add((await client.request("/", { headers: { accept: "text/html" } })).json.served_by);
    assert.deepEqual([...served].sort(), ["canary", "stable"]);
  }, { within: 60_000 });
  const health = (query = "") => client.request(`/health${query}`);
  assert.equal((await health()).json.status, "ok");
  assert.equal((await health("?detailed=true")).json.components, undefined, "details are for the token's holders");
});
