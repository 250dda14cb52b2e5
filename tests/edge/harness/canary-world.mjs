// What the tests of `serin canary` have in common: an account on this machine with a Worker, a splitter in front of it, and the folders of
// versions.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAccount } from "./account.mjs";
import { buildProgram, serinFor } from "./command-line.mjs";
import { QUICK_PLAN } from "./quick-plan.mjs";
import { startSerin } from "./workerd.mjs";

export const STAND_IN = join(import.meta.dirname, "wrangler-stand-in.mjs");
export const COMPATIBILITY_DATE = "2026-11-01";
export const PLAN = { ...QUICK_PLAN, steps: [5, 25, 100] };
/** Routes and crons belong to stable alone: the stand-in for wrangler refuses a canary with either. */
const CONFIG = `name = "app"
main = "index.js"
compatibility_date = "${COMPATIBILITY_DATE}"
routes = ["shop.example/*"]
[triggers]
crons = ["0 * * * *"]
`;
export const QUICK = ["--settle", "1s", "--every", "100ms"];

let program;

/** A version's code. It responds with its name and states its id, unless a request asks it to fail. */
const code = (version, { health = "ok", fragile = false } = {}) => `export default {
  fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const health = ${JSON.stringify(health)};
    const headers = { "serin-version": env.VERSION.id };
    if (pathname === "/health") return Response.json({ status: health, version: "${version}" }, { status: health === "ok" ? 200 : 503, headers });
    if (${fragile} && searchParams.has("strain")) return new Response("broken", { status: 503, headers });
    return new Response("${version}", { headers });
  },
};
`;

/** The splitter's configuration, in the folder where `serin` runs. */
export const splitterConfig = (canary) => `name = "serin"
compatibility_date = "${COMPATIBILITY_DATE}"
services = [{ binding = "STABLE", service = "app" }, { binding = "CANARY", service = "${canary}" }]
kv_namespaces = [{ binding = "CANARY_STATE" }]
`;

/** An account with stable's first version, a splitter in front of it, and `serin` for both. */
export async function startWorld(t, { env = {}, ...options } = {}) {
  program ??= buildProgram();
  const folder = await mkdtemp(join(tmpdir(), "serin-canary-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const account = await startAccount(t);
  await account.deploy("app", { source: code("v1"), compatibilityDate: COMPATIBILITY_DATE });
  const upstreams = { stable: await account.port("app"), canary: await account.port("app-canary") };
  const splitter = await startSerin(t, { separate: true, upstreams, ...options });
  account.store = splitter.storePort;
  await writeFile(join(folder, "wrangler.toml"), splitterConfig("app-canary"));
  const run = serinFor(program, splitter, { SERIN_WRANGLER: STAND_IN, SERIN_TEST_ACCOUNT: account.url, ...env }, folder);
  const serin = async (args, expected = 0) => {
    const result = await run(args);
    assert.equal(result.code, expected, `serin ${args.join(" ")}:\n${result.stdout}${result.stderr}\n${account.output.join("\n")}`);
    return result.stdout + result.stderr;
  };
  /** A version's folder. */
  const release = async (version, faults) => {
    const at = join(folder, version);
    await mkdir(at);
    await writeFile(join(at, "wrangler.toml"), CONFIG);
    await writeFile(join(at, "index.js"), code(version, faults));
    return at;
  };
  const plan = join(folder, "plan.json");
  await writeFile(plan, JSON.stringify(PLAN));
  const state = async () => JSON.parse((await splitter.values())["canary-state"] ?? "{}");
  return { account, folder, splitter, run, serin, release, plan, state };
}
