// Checks the calls of `serin canary` against wrangler itself, as far as wrangler runs without an account: its dry runs, and its local KV.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { before } from "node:test";
import { promisify } from "node:util";
import { buildProgram } from "./harness/command-line.mjs";

const ROOT = join(import.meta.dirname, "..", "..");
const WRANGLER = join(ROOT, "node_modules", ".bin", "wrangler");
const CONFIGS = {
  "wrangler.toml": `name = "app"
main = "index.js"
compatibility_date = "2026-11-01"
routes = [{ pattern = "shop.example/*", zone_name = "shop.example" }]
kv_namespaces = [{ binding = "DATA", id = "0123456789abcdef0123456789abcdef" }]
[triggers]
crons = ["0 * * * *"]
[env.staging]
kv_namespaces = [{ binding = "DATA", id = "0123456789abcdef0123456789abcde0" }]
`,
  "wrangler.jsonc": `{
  // The configuration of a new project.
  "name": "app", "main": "index.js", "compatibility_date": "2026-11-01",
  "env": { "staging": { "name": "app-staging", "routes": ["staging.shop.example/*"] } },
}`,
};

/** The splitter's configuration: its KV, and the canary that `serin` compares its own with. */
const splitterConfig = (canary) => `name = "serin"
main = "index.js"
compatibility_date = "2026-11-01"
services = [{ binding = "CANARY", service = "${canary}" }]
kv_namespaces = [{ binding = "CANARY_STATE" }]
`;

let program;

before(() => {
  program = buildProgram();
});

/** Folders for a Worker and for the local KV, and `serin` with wrangler itself. No server listens at --url. */
async function startFolders(t) {
  const folder = await mkdtemp(join(tmpdir(), "serin-wrangler-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const env = { PATH: process.env.PATH, HOME: folder, WRANGLER_SEND_METRICS: "false", SERIN_URL: "http://127.0.0.1:9", SERIN_WHO: "ada" };
  const store = ["--via", "kv", "--persist-to", join(folder, "kv"), "--wrangler", WRANGLER];
  const run = promisify(execFile);
  const serin = async (args) => (await run(program, [...args, ...store], { env })).stdout;
  const shell = async (line) => run("sh", ["-c", line], { env });
  return { folder, serin, shell };
}

for (const [file, config] of Object.entries(CONFIGS)) {
  for (const env of [[], ["--env", "staging"]]) {
    test(`wrangler accepts the canary of a ${file}${env.length > 0 ? " with an environment" : ""}`, async (t) => {
      const { folder, serin, shell } = await startFolders(t);
      const at = join(folder, "app");
      await mkdir(at);
      await writeFile(join(at, file), config);
      await writeFile(join(at, "index.js"), 'export default { fetch: () => new Response("v1") };\n');
      const name = env.length > 0 ? "app-staging" : "app";
      await writeFile(join(folder, "splitter.toml"), splitterConfig(`${name}-canary`));
      const splitter = ["--splitter-config", join(folder, "splitter.toml"), "--dry-run", "--json"];
      const planned = async (command) => JSON.parse(await serin(["canary", command, at, ...env, ...splitter]));
      const take = async ({ call, document }) => {
        const file = join(at, ".document.json");
        await writeFile(file, JSON.stringify(document));
        const { stdout, stderr } = await shell(`${call.replace("DOCUMENT", file)} --dry-run`);
        assert.match(stdout, /--dry-run: exiting now/, stderr);
        return stdout + stderr;
      };
      const { worker, canary, steps } = await planned("deploy");
      assert.deepEqual([worker, canary], [name, `${name}-canary`]);
      const deployed = await take(steps.find(({ step }) => step === `deploy ${canary}`));
      assert.doesNotMatch(deployed, /WARNING|Unexpected/i, deployed);
      await take((await planned("clean-up")).steps.at(-1));
    });
  }
}

test("the state is written to wrangler's local KV, and other fields stay", async (t) => {
  const { serin } = await startFolders(t);
  const config = join(ROOT, "wrangler.toml");
  await serin(["state", "set", "--enable", "--percentage", "5", "--field", "fallback=false", "--config", config]);
  assert.match(await serin(["canary", "rollback", "--splitter-config", config]), /write canary-state: the canary is disabled/);
  const { updatedAt, ...rest } = JSON.parse(await serin(["state", "get", "--config", config]));
  assert.deepEqual(rest, { enabled: false, percentage: 0, fallback: false, stage: "rolled-back", updatedBy: "ada" });
  assert.ok(Date.parse(updatedAt) > 0);
  assert.match(await serin(["canary", "rollback", "--splitter-config", config]), /nothing to do/);
});
