// `npm start`: runs Serin on http://localhost:8787 in front of the two examples, under `wrangler dev`. Arguments after `npm start --` are
// passed to wrangler: `--port 8080`, or `--persist-to DIR` for another local KV.

import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
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
const OPTIONS = { "persist-to": { type: "string" }, "env-file": { type: "string" }, port: { type: "string", default: "8787" } };
const { "persist-to": STORE, "env-file": SECRETS = join(ROOT, ".dev.vars"), port: PORT } = parseArgs({ options: OPTIONS, strict: false }).values;
// The folder of the pinned tools comes first, because wrangler needs the newer Node in it.
const env = { ...process.env, PATH: TOOLS + delimiter + process.env.PATH, WRANGLER_SEND_METRICS: "false" };

build();
token();
seed();
hint();
serve();

function build() {
  console.log("start: building (the first time takes a few minutes) …");
  const { status } = spawnSync("node", ["scripts/build.mjs"], { cwd: ROOT, env, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/** Writes a random token for the control API, unless the developer has one. */
function token() {
  if (existsSync(SECRETS) && /^\s*ADMIN_TOKEN\s*=/m.test(readFileSync(SECRETS, "utf8"))) return;
  appendFileSync(SECRETS, `ADMIN_TOKEN=${randomBytes(16).toString("hex")}\n`, { mode: 0o600 });
  console.log(`start: wrote a random ADMIN_TOKEN to ${relative(process.cwd(), SECRETS)}; \`serin\` finds it there`);
}

/** Commands to try, because wrangler prints only that it is ready. */
function hint() {
  console.log(`start: when wrangler says "Ready", try in another terminal:
start:   for i in $(seq 12); do curl -s -H 'Accept: text/html' http://localhost:${PORT}/; echo; done   # both variants
start:   curl -s 'http://localhost:${PORT}/health?detailed=true'                                       # what is in force
start:   npm run -s serin -- status                                                                  # the rollout; the first time it compiles for some minutes
start: "[not connected]" is normal until all three Workers are up. Removing the folder .wrangler resets KV and rollouts.`);
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
  console.error(`${stdout}${stderr}start: the local KV does not respond; remove the folder .wrangler to reset it`);
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
