// The archive of the built Worker, used without Rust: unpacked in an empty folder, with wrangler alone. Its configuration is filled in by
// hand, or written by `serin init`.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import test, { before } from "node:test";
import { experimental_readRawConfig as readConfig } from "wrangler";
import { buildSerin } from "../../scripts/cli.mjs";
import { Client } from "../edge/harness/client.mjs";
import { eventually } from "../edge/harness/eventually.mjs";
import { ROOT } from "./harness/pages.mjs";
import { serinCommands } from "./harness/serin.mjs";
import { WRANGLER_ENV, checkWrangler } from "./harness/wrangler.mjs";

const WRANGLER = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
const NAME = `serin-worker-${version}`;
/** No Cargo: of the programs on this machine, only the Node that runs wrangler is on the path. */
const ENV = { ...WRANGLER_ENV, PATH: dirname(process.execPath) };

before(() => {
  execFileSync("node", ["scripts/package.mjs", "--only", "worker"], { cwd: ROOT, env: WRANGLER_ENV, stdio: "pipe" });
});

/** An empty folder with the unpacked archive and the two examples beside it. `assertSplits` removes it. */
async function unpack() {
  const folder = await mkdtemp(join(tmpdir(), "serin-package-"));
  execFileSync("tar", ["-xzf", join(ROOT, "dist", `${NAME}.tar.gz`), "-C", folder]);
  for (const name of ["stable", "canary"]) await cp(join(ROOT, "examples", name), join(folder, "services", name), { recursive: true });
  return folder;
}

/** Starts the configuration in `at` with both examples, and checks that it splits and that strangers see no details. */
async function assertSplits(t, folder, at) {
  const state = join(folder, "state");
  const policy = JSON.stringify({ enabled: true, percentage: 50 });
  const put = ["kv", "key", "put", "--local", "--persist-to", state, "--binding", "CANARY_STATE", "canary-state", policy];
  execFileSync(process.execPath, [WRANGLER, ...put], { cwd: at, env: ENV, stdio: "pipe" });
  const services = ["stable", "canary"].map((name) => join(folder, "services", name, "wrangler.toml"));
  const configs = ["wrangler.jsonc", ...services].flatMap((file) => ["-c", file]);
  const args = [WRANGLER, "dev", ...configs, "--port", "0", "--inspector-port", "0", "--persist-to", state];
  const env = { ...ENV, WRANGLER_REGISTRY_PATH: join(folder, "registry") };
  const child = spawn(process.execPath, args, { cwd: at, env, stdio: ["ignore", "pipe", "pipe"] });
  // wrangler does not end if its folder is gone, so the folder is removed after it, by the same hook: hooks run in the order in which they are added.
  const ended = once(child, "exit");
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
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
  assert.equal((await client.request("/__serin/console.js")).status, 200, "the console's files");
}

test("the archive of the Worker runs with wrangler alone, and splits", async (t) => {
  const folder = await unpack();
  assert.match(await readFile(join(ROOT, "dist", "SHA256SUMS"), "utf8"), new RegExp(`^[0-9a-f]{64}  ${NAME}\\.tar\\.gz$`, "m"));
  const serin = join(folder, NAME);
  assert.deepEqual((await readdir(serin)).filter((name) => /^Cargo|\.rs$/.test(name)), []);

  // Step 1 of its page: the names of the two Workers.
  const config = await readFile(join(serin, "wrangler.jsonc"), "utf8");
  assert.ok(config.includes('"my-api-stable"') && config.includes('"my-api-canary"'));
  await writeFile(join(serin, "wrangler.jsonc"), config.replace("my-api-stable", "serin-example-stable").replace("my-api-canary", "serin-example-canary"));

  // wrangler would upload a package's pages as modules of the Worker.
  const npmPackage = join(serin, "node_modules", "package");
  await mkdir(npmPackage, { recursive: true });
  await writeFile(join(npmPackage, "page.html"), "");
  const uploaded = join(folder, "uploaded");
  execFileSync(process.execPath, [WRANGLER, "deploy", "--dry-run", "--outdir", uploaded], { cwd: serin, env: ENV, stdio: "pipe" });
  const files = await readdir(uploaded, { recursive: true });
  assert.ok(files.includes("index_bg.wasm"), files.join());
  assert.deepEqual(files.filter((file) => file.includes("node_modules")), []);
  await assertSplits(t, folder, serin);
});

test("serin init beside the unpacked archive writes a configuration that runs, and prints commands that exist", async (t) => {
  const folder = await unpack();
  const serin = buildSerin();
  const args = ["init", "--stable", "serin-example-stable", "--canary", "serin-example-canary", "--domain", "serin-test.shop.example", "--json"];
  const { next } = JSON.parse(execFileSync(serin, args, { cwd: folder, encoding: "utf8" }));
  const programs = next.map(({ command }) => command.split(" ").slice(0, 3).join(" "));
  const order = ["npx wrangler secret", "npx wrangler deploy", "export SERIN_URL=https://serin-test.shop.example SERIN_TOKEN=…", "serin state set"];
  assert.deepEqual(programs, [...order, "serin doctor", "serin canary deploy", "serin start standard"]);
  const commands = await serinCommands();
  for (const { command } of next) {
    const [, program, line] = /^(serin|npx wrangler) (.+)$/.exec(command) ?? [];
    if (program === "serin") commands.check(line);
    else if (program) checkWrangler(line);
  }
  await assertSplits(t, folder, folder);
});

test("the configuration of the archive binds what production's in wrangler.toml binds", () => {
  // The reader's objects have no prototype.
  const read = (file) => JSON.parse(JSON.stringify(readConfig({ config: join(ROOT, file) }).rawConfig));
  const { main, compatibility_date, no_bundle, find_additional_modules, rules, env: { production } } = read("wrangler.toml");
  const { vars, ...bindings } = production;
  const { name, routes, ...archive } = read("crates/cli/src/commands/init/wrangler.jsonc");
  // Variables at their defaults (docs/configuration.md) are left out.
  const { HEALTH_DETAIL } = vars;
  const expected = { main, compatibility_date, no_bundle, find_additional_modules, rules, ...bindings };
  assert.deepEqual(archive, { ...expected, vars: { HEALTH_DETAIL } });
  assert.deepEqual([name, routes], ["serin", []]);
});
