// `npm start`: runs Serin on http://localhost:8787 in front of the two examples, under `wrangler dev`. Arguments after `npm start --` are
// passed to wrangler: `--port 8080`, or `--persist-to DIR` for another local KV.

import { spawn, spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const TOOLS = join(ROOT, "node_modules", ".bin");
const CONFIGS = ["wrangler.toml", "examples/stable/wrangler.toml", "examples/canary/wrangler.toml"];
const FIRST_STATE = {
  enabled: true,
  percentage: 25,
  stableWorker: "serin-example-stable",
  canaryWorker: "serin-example-canary",
};
const STORE = parseArgs({ options: { "persist-to": { type: "string" } }, strict: false }).values["persist-to"];
// The folder of the pinned tools comes first, because wrangler needs the newer Node in it.
const env = { ...process.env, PATH: TOOLS + delimiter + process.env.PATH, WRANGLER_SEND_METRICS: "false" };

build();
seed();
serve();

function build() {
  console.log("start: building (the first time takes a few minutes) …");
  const { status } = spawnSync("node", ["scripts/build.mjs"], { cwd: ROOT, env, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/** Writes a value only if the key is empty, because a value in the local KV belongs to the developer. */
function seed() {
  const keys = JSON.parse(kv("list", "--prefix", "canary-state"));
  if (keys.some(({ name }) => name === "canary-state")) return;
  kv("put", "canary-state", JSON.stringify(FIRST_STATE));
  console.log("start: wrote a first canary-state to the local KV: a quarter of the visitors get the canary");
}

function kv(verb, ...args) {
  const store = STORE ? ["--persist-to", STORE] : [];
  const wrangler = ["kv", "key", verb, "--local", ...store, "--binding", "CANARY_STATE", ...args];
  const { status, stdout, stderr } = spawnSync("wrangler", wrangler, { cwd: ROOT, env, encoding: "utf8" });
  if (status === 0) return stdout;
  console.error(`${stdout}${stderr}start: the local KV does not answer; removing the folder .wrangler resets it`);
  process.exit(1);
}

function serve() {
  const args = ["dev", ...CONFIGS.flatMap((config) => ["-c", config]), ...process.argv.slice(2)];
  const wrangler = spawn("wrangler", args, { cwd: ROOT, env, stdio: "inherit" });
  // Ctrl-C reaches both processes. wrangler ends in its own time, and this process with it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => wrangler.kill("SIGTERM"));
  wrangler.on("exit", (code, signal) => process.exit(signal ? 1 : code));
}
