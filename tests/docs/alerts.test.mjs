// Checks docs/operations/alerts.yml: with promtool if it is installed, and each metric, label and value of a rule against the metrics that
// the Worker emits during a rollout.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { parse } from "yaml";
import { eventually } from "../edge/harness/eventually.mjs";
import { startLoad } from "../edge/harness/load.mjs";
import { QUICK_PLAN } from "../edge/harness/quick-plan.mjs";
import { startSerin } from "../edge/harness/workerd.mjs";
import { ROOT } from "./harness/pages.mjs";

const FILE = join(ROOT, "docs/operations/alerts.yml");
const RULES = parse(readFileSync(FILE, "utf8")).groups.flatMap(({ rules }) => rules);

/** Metrics of Prometheus and of the blackbox exporter, and the labels that Prometheus adds. */
const OTHERS = { up: ["job"], probe_success: ["job"], probe_duration_seconds: ["job"] };
const ADDED = ["job", "instance"];
const WORDS = new Set(["and", "or", "unless", "on", "ignoring", "by", "without", "bool", "offset"]);

test("promtool reports no errors", (t) => {
  if (spawnSync("promtool", ["--version"]).error) return t.skip("promtool is not installed");
  execFileSync("promtool", ["check", "rules", FILE], { stdio: "pipe" });
});

test("every metric, label and value of a rule is one that the Worker emits", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 0 } } });
  startLoad(t, serin);
  const plan = { ...QUICK_PLAN, id: "r1", steps: [25, 100], hold: "1h" };
  assert.equal((await serin.api("POST", "rollouts", plan)).status, 200);
  const emitted = await eventually(async () => {
    const { text } = await serin.api("GET", "metrics");
    assert.match(text, /^serin_step_latency_seconds\{/m, "a location has reported");
    return read(text);
  });

  for (const { alert, expr, annotations } of RULES) {
    const selectors = selectorsOf(expr);
    assert.ok(selectors.length > 0, `${alert}: ${expr}`);
    for (const { metric, matchers } of selectors) {
      const labels = emitted.get(metric) ?? (metric in OTHERS ? new Map(OTHERS[metric].map((name) => [name, null])) : undefined);
      assert.ok(labels, `${alert}: nobody emits ${metric}`);
      for (const { label, operator, value } of matchers) {
        if (ADDED.includes(label)) continue;
        const values = labels.get(label);
        assert.ok(values, `${alert}: ${metric} has no label ${label}`);
        for (const wanted of operator === "=~" ? value.split("|") : [value]) {
          assert.ok(values.has(wanted), `${alert}: ${metric} has no ${label} ${wanted}, but ${[...values]}`);
        }
      }
    }
    assert.ok(existsSync(join(ROOT, annotations.runbook)), `${alert}: no page ${annotations.runbook}`);
  }
});

test("every alert belongs to a service level or a runbook, and every named alert exists", () => {
  const pages = ["service-levels.md", ...new Set(RULES.map(({ annotations }) => annotations.runbook.split("/").at(-1)))];
  const text = pages.map((page) => readFileSync(join(ROOT, "docs/operations", page), "utf8")).join("\n");
  const named = new Set([...text.matchAll(/`(Serin[A-Z]\w+)`/g)].map(([, name]) => name));
  assert.deepEqual([...named].sort(), RULES.map(({ alert }) => alert).sort());
});

test("an unknown metric is detected", () => {
  const found = selectorsOf('sum by (x) (rate(a_b{c="d",e=~"f|g"}[5m])) > 0.5 and on (instance) h == 1');
  assert.deepEqual(found, [
    { metric: "a_b", matchers: [{ label: "c", operator: "=", value: "d" }, { label: "e", operator: "=~", value: "f|g" }] },
    { metric: "h", matchers: [] },
  ]);
});

/** The series that an expression selects. */
function selectorsOf(expression) {
  // Labels in a grouping are not series.
  const bare = expression.replace(/\b(on|ignoring|by|without)\s*\([^)]*\)/g, "");
  const series = [...bare.matchAll(/([a-z_][a-z0-9_]*)(\{[^}]*\})?(?:\[\w+\])?(\s*\()?/gi)];
  // A function's name is followed by its argument; a unit of time is in brackets.
  const selected = series.filter(([, name, , isFunction], at) => !isFunction && !WORDS.has(name) && !isNumber(bare, series[at].index));
  return selected.map(([, metric, matchers = ""]) => ({
    metric,
    matchers: [...matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, label, operator, value]) => ({ label, operator, value })),
  }));
}

/** Whether the text at `index` continues a number, such as the exponent of 1e3. */
function isNumber(text, index) {
  return /[\d.]/.test(text[index - 1] ?? "");
}

/** Parses Prometheus' text format into each metric's labels, each with its values. */
function read(text) {
  const metrics = new Map();
  for (const [, name, labels = ""] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    if (!metrics.has(name)) metrics.set(name, new Map());
    for (const [, label, value] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      const values = metrics.get(name).get(label) ?? new Set();
      metrics.get(name).set(label, values.add(value));
    }
  }
  return metrics;
}
