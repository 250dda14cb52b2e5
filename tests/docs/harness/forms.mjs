// Forms in which the tests run a command of a page: unchanged, or with a stand-in for an account. A command without a matching form is an
// error.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./pages.mjs";
import { serinCommands } from "./serin.mjs";
import { checkWrangler } from "./wrangler.mjs";

const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/**
 * The first matching form applies. `run` returns the line to run instead; `check` runs a check instead, and `why` states the reason. `{
 * scratch }` is the test's own folder, which also holds KV.
 */
const FORMS = [
  { fits: /^npm start$/, check: () => assert.ok(scripts.start), why: "it has started what everything here runs against" },
  { fits: /^npm test$/, check: () => assert.ok(scripts.test && scripts["test:docs"]), why: "it is what runs this" },
  {
    fits: /^npm run (bench|faults|fuzz|load|rollbacks)$/,
    check: (line) => execFileSync("node", ["--check", /node (\S+)/.exec(scripts[line.replace("npm run ", "")])[1]], { cwd: ROOT }),
    why: "it takes minutes, and measures only on a machine that does nothing else",
  },
  {
    fits: /^npx wrangler (tail|rollback|deployments) /,
    check: (line) => checkWrangler(line.replace("npx wrangler ", "")),
    why: "it needs an account and has no dry run: its options are held against its help",
  },
  { fits: /^npx wrangler deploy |^npm run -s release:deploy /, run: (line) => `${line} --dry-run`, why: "it needs an account" },
  {
    fits: /^npx wrangler kv key /,
    run: (line, { scratch }) => `${line.replace(/ --remote --env \w+/, " --local")} --persist-to ${scratch}`,
    why: "the local KV of the splitter under test stands in for Cloudflare's",
  },
  { fits: /^serin state /, run: (line, { scratch }) => `${line} --persist-to ${scratch}`, why: "the same" },
  {
    fits: /^serin canary (deploy|promote) DIR$/,
    run: (line) => `${line.replace("DIR", "examples/stable")} --canary-name serin-example-canary --dry-run`,
    why: "it needs an account; tests/edge/canary-commands.test.mjs runs it against local Workers",
  },
  { fits: /^npm run demo( -- --picture \S+)?$/, check: () => assert.ok(scripts.demo), why: "demo.test.mjs runs it" },
  { fits: /^npm run package$/, check: () => assert.ok(scripts.package), why: "package.test.mjs runs its script" },
  { fits: /^serin init$/, check: async () => (await serinCommands()).check("init"), why: "the same test runs it in a folder of its own" },
  { fits: /^npm run -s serin -- simulate$/, run: (line) => `${line} --runs 1`, why: "thousands of rollouts take minutes" },
  { fits: /^serin watch --for 2m /, run: (line) => line.replace("2m", "3s"), why: "a rollout takes minutes" },
  {
    fits: /^npm run -s serin -- watch$/,
    run: (line) => `${line} --for 3s || test $? -eq 6`,
    why: "the same; 6 is that it is not over",
  },
  { fits: / -c jar /, run: (line, { scratch }) => line.replaceAll(" jar ", ` ${scratch}/jar `), why: "the clone stays as it is" },
  { fits: /^OVERRIDE_TOKEN=… /, run: (line) => line.replace("…", "secret"), why: "a secret, left out on the page" },
  { fits: /^(serin|curl|npx wrangler|npm run -s|for|export) /, run: (line) => line },
];

/** `{ run }`, a line for the shell, or `{ check }`, a function. */
export function form(line, setting) {
  const found = FORMS.find(({ fits }) => fits.test(line));
  assert.ok(found, `nobody knows how to run this: ${line}`);
  if (found.check) return { check: () => found.check(line), why: found.why };
  return { run: found.run(line, setting).replaceAll("http://localhost:8787", setting.url), why: found.why };
}
