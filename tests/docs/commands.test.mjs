// Runs every command in the README and the runbooks against a splitter under `wrangler dev`. The output of a command must contain the text
// that the page states (`# → halted`). harness/forms.mjs lists the commands that cannot run here, with the reasons.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import test from "node:test";
import { buildSerin } from "../../scripts/cli.mjs";
import { eventually } from "../edge/harness/eventually.mjs";
import { form } from "./harness/forms.mjs";
import { ROOT, blockCommands, inlineCommands } from "./harness/pages.mjs";
import { startSplitter } from "./harness/splitter.mjs";
import { WRANGLER_ENV } from "./harness/wrangler.mjs";

const TOKEN = "local";
/** A change is visible after an isolate has refreshed, which happens every five seconds. */
const SHOWS = { within: 20_000 };
/**
 * What workerd says when two processes write to one local KV at the same moment: wrangler's, and the splitter's. workerd does not wait for
 * the other, and nothing has been written, so that the command can run again. Cloudflare's KV has no such lock.
 */
const LOCKED = "SQLITE_BUSY";
/** A command that changes something runs once. A command that reads is repeated until its output matches. */
const CHANGES = /^serin (halt|resume|pause|abort|start|switch|resume-canary|state set|canary)\b|^npm|^npx/;

test("the commands in the README and in docs/operations do what they say", async (t) => {
  const scratch = await mkdtemp(join(tmpdir(), "serin-docs-"));
  const setting = { scratch, url: "http://localhost:8787" };
  let env = { ...WRANGLER_ENV, SERIN_WHO: "ada", SERIN_TOKEN: TOKEN };
  env.PATH = dirname(buildSerin()) + delimiter + env.PATH;

  /** Runs one command, and checks its output. */
  const run = async ({ line, expected }) => {
    const { check, run: command } = form(line, setting);
    if (check) return check();
    if (line.startsWith("export ")) {
      const printed = await shell(`${command}; env -0`, env);
      env = Object.fromEntries(printed.split("\0").filter(Boolean).map((pair) => /^([^=]*)=([^]*)$/.exec(pair).slice(1)));
      return undefined;
    }
    const once = async () => {
      const printed = await eventually(() => shell(command, env), { ...SHOWS, unless: (complaint) => !complaint.message.includes(LOCKED) });
      assert.ok(!expected || printed.includes(expected), `\`${command}\` should print ${expected}, and printed:\n${printed}`);
    };
    return CHANGES.test(line) || !expected ? once() : eventually(once, SHOWS);
  };
  const page = async (t, commands, before = async () => {}) => {
    for (const command of commands) {
      await before(command);
      await t.test(command.line, () => run(command));
    }
  };

  await writeFile(join(scratch, ".dev.vars"), `ADMIN_TOKEN=${TOKEN}\n`);
  const splitter = await startSplitter(t, scratch, TOKEN);
  // Hooks run in the order in which they are added: wrangler does not end if its folder is gone.
  t.after(() => rm(scratch, { recursive: true, force: true, maxRetries: 5 }));
  setting.url = splitter.url;
  env.SERIN_URL = splitter.url;

  /** Turns every switch off and ends any rollout. */
  const reset = async () => {
    for (const name of ["maintenance", "disable_writes", "disable_canary"]) await done("PUT", `switches/${name}`, { on: false });
    if (/"rollout":\{/.test((await done("GET", "status")).text)) await done("POST", "rollouts/current/abort");
    // Lifting a halt above the share that was observed has to be confirmed.
    const resumed = await splitter.api("POST", "resume-canary");
    if (resumed.status === 409) await done("POST", "resume-canary", { percentage: JSON.parse(resumed.text).percentage });
    else assert.equal(resumed.status, 200, resumed.text);
  };
  /** Sends every visitor to the canary. */
  const complete = async () => {
    await done("POST", "rollouts", { id: "complete", schedule: "blue-green" });
    await done("POST", "rollouts/current/promote");
  };
  const done = async (method, path, body) => {
    const answer = await splitter.api(method, path, body);
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
    return answer;
  };

  await t.test("README.md", async (t) => {
    await page(t, blockCommands("README.md"));
    await page(t, inlineCommands("README.md"), async ({ line }) => {
      await reset();
      if (line.startsWith("serin canary promote")) await complete();
    });
  });

  const pages = (await readdir(join(ROOT, "docs/operations"))).filter((name) => name.endsWith(".md")).sort();
  assert.ok(pages.length >= 11, `${pages}`);
  for (const [number, name] of pages.entries()) {
    await t.test(`docs/operations/${name}`, async (t) => {
      const commands = blockCommands(`docs/operations/${name}`);
      assert.ok(commands.length > 0, "a page of words alone");
      await reset();
      // Each page is tested during a rollout, except pages that start one.
      const starts = commands.some(({ line }) => line.startsWith("serin start"));
      if (!starts) await done("POST", "rollouts", { id: `page-${number}`, schedule: "safe" });
      await page(t, commands);
    });
  }
});

/** Runs a line in the clone. Returns its whole output. */
function shell(line, env) {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-euo", "pipefail", "-c", line], { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    const printed = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => printed.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      const text = Buffer.concat(printed).toString("utf8");
      if (code === 0) resolve(text);
      else reject(new Error(`\`${line}\` ended with ${code}:\n${text}`));
    });
  });
}
