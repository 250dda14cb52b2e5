// The contestants: the Worker, policy and request of each, and the response that proves that the contestant does the measured work.

import { createHmac } from "node:crypto";
import { readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { Connection, bytesOf } from "./load.mjs";
import { ADMIN_TOKEN, startRollout } from "./rollout.mjs";

const HERE = import.meta.dirname;
/** The build to measure: what `npm run build` made, or another build of the same crate. */
const BUILD = resolve(HERE, "..", process.env.SERIN_BUILD || "build");
const HOST = "shop.example";
const OVERRIDE_TOKEN = "bench-override-token";
// Two visitors with buckets above and below 25 %: one on stable, in a rollout's control slice, and one on the canary.
const VISITOR = "0123456789abcdef0123456789abcdef";
const CANARY_VISITOR = "c342b72068178035b65511101b0b6b0f";

export const FLOOR = "pass-through";
/** The floor a second time, as a contestant. The distance of its ratio from 1.00 is the error of the measurement. */
export const CONTROL = "pass-through, again";
/** More copies of the floor, for a denominator with less noise. One copy that ran more often than the others would run warmer. */
export const TWIN = "twin";

/** The files that wrangler uploads. */
export const ARTEFACTS = files(BUILD, ["index.js", "index_bg.wasm"]);

/** Another build may have any module names. All modules in its folder are loaded, and `index.js` is the entry point. */
function built(folder) {
  const modules = readdirSync(folder).filter((file) => /\.(js|wasm)$/.test(file));
  return files(folder, ["index.js", ...modules.filter((file) => file !== "index.js")]);
}

function files(folder, names) {
  return Object.fromEntries(names.map((name) => [name, join(folder, name)]));
}

// === requests ===

// The headers of Chrome through Cloudflare.
const BROWSER = {
  "Host": HOST,
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Accept-Language": "en-GB,en;q=0.9",
  "Accept-Encoding": "gzip, br",
  "Referer": `https://${HOST}/`,
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Dest": "document",
  "Sec-Fetch-Site": "same-origin",
  "CF-Connecting-IP": "203.0.113.7",
  "CF-Ray": "8f0e2e1f2a3b4c5d-FRA",
};
const SESSION = "session=8f14e45fceea167a5a36dedd4bea2543";
const PAGE = "/articles/1234?from=mail";

const known = { path: PAGE, headers: { ...BROWSER, Cookie: `${SESSION}; __Host-serin=${VISITOR}` } };
const chosen = { path: PAGE, headers: { ...BROWSER, Cookie: `${SESSION}; __Host-serin=${CANARY_VISITOR}` } };
// An operator who has the console open on the same host. No Worker behind Serin gets this cookie, so the headers are written again.
const OPERATOR = `__Host-serin-console=admin.1800000000.${"a".repeat(43)}`;
const operator = { path: PAGE, headers: { ...BROWSER, Cookie: `${SESSION}; __Host-serin=${VISITOR}; ${OPERATOR}` } };
const newcomer = { path: PAGE, headers: { ...BROWSER, Cookie: SESSION } };
const client = {
  path: "/v1/orders?page=2",
  headers: {
    "Host": HOST,
    "User-Agent": "orders-sync/2.3",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "Authorization": "Bearer 8f14e45fceea167a5a36dedd4bea2543",
    "X-Api-Key": "key-0017",
    "CF-Connecting-IP": "203.0.113.8",
    "CF-Ray": "8f0e2e1f2a3b4c5e-FRA",
  },
};
const tester = { path: PAGE, headers: { ...known.headers, "Serin-Override": overrideToken() } };

/** Signs the token that docs and tests call QA's override. It is valid for half an hour, longer than any run. */
function overrideToken() {
  const expires = Math.floor(Date.now() / 1000) + 1_800;
  const signature = createHmac("sha256", OVERRIDE_TOKEN).update(`${HOST}\ncanary\n${expires}`).digest("hex");
  return `canary;exp=${expires};sig=${signature}`;
}

// === contestants ===

const OBJECTS = ["RolloutController", "MetricsShard"];
const STATE = { enabled: true, percentage: 25, rolloutId: "bench" };

/** The rollout stays at its first step for longer than any run. */
const PLAN = { schedule: "custom", id: "bench", steps: [25, 100], hold: "24h", settle: "1h", lookEvery: "1h", actor: "bench", reason: "a measurement" };

/** The canary gets copies of this percentage of the requests, and no visitor. */
const mirroring = (percentage) => ({
  document: { ...STATE, percentage: 0 },
  plan: { ...PLAN, steps: [{ mirror: percentage, hold: "24h" }, 100] },
});

const script = (...files) => Object.fromEntries(files.map((file) => [basename(file), join(HERE, "contestants", file)]));
const others = (title, modules, group) => ({ title, modules, group, document: STATE, request: known });
const serin = (title, changes) => ({
  title: `Serin: ${title}`,
  group: "serin",
  modules: ARTEFACTS,
  document: STATE,
  request: known,
  side: "stable",
  ...changes,
});

const javascript = (title, files, changes) => ({
  ...others(`JavaScript: ${title}`, script(...files, "hand-written.js"), "javascript"),
  ...changes,
});
const CACHED = ["cached-state.js", "state.js"];
const GUARDED = ["guarded.js", "guard.js", "state.js"];
const OBSERVED = ["observed.js", "observe.js", "state.js"];
const OBSERVED_GUARDED = ["observed-guarded.js", "observe.js", "guard.js", "state.js"];
const EVERYBODY = { document: { ...STATE, percentage: 100 }, side: "canary" };

/** The hand-written splitter that Serin is set against. */
export const SPLITTER = "JavaScript: state cached 5 s";

export const CONTESTANTS = [
  { title: "no splitter", group: "reference", direct: "stable", request: known, side: "stable" },
  { ...others(FLOOR, script("pass-through.js"), "reference"), side: "stable" },
  { ...others(CONTROL, script("pass-through.js"), "reference"), side: "stable" },
  { ...others("pass-through, twin", script("pass-through.js"), TWIN), side: "stable" },
  { ...others("pass-through, triplet", script("pass-through.js"), TWIN), side: "stable" },
  javascript("state cached 5 s", CACHED),
  javascript("KV on each request", ["kv-each-time.js"]),
  javascript("canary, fallback armed", GUARDED, EVERYBODY),
  javascript("observed, on stable", OBSERVED, { document: { ...STATE, percentage: 0 }, side: "stable" }),
  javascript("observed, on the canary", OBSERVED_GUARDED, EVERYBODY),
  serin("steady visitor", {}),
  serin("steady visitor, ASSETS bound", { assets: true }),
  serin("steady visitor, console's cookie", { assets: true, request: operator }),
  serin("canary off, no policy", { document: undefined }),
  serin("canary off, 0 %", { document: { ...STATE, percentage: 0 } }),
  serin("canary off, 0 %, console's cookie", { assets: true, request: operator, document: { ...STATE, percentage: 0 } }),
  serin("first visit", { request: newcomer, document: { ...STATE, percentage: 0 }, setsCookie: true }),
  serin("API client by header", {
    document: { ...STATE, percentage: 0.001, stickiness: ["header:x-api-key"] },
    request: client,
  }),
  serin("QA override", { request: tester, side: "canary" }),
  serin("a rule hit", {
    document: { ...STATE, percentage: 100, rules: [{ match: { path: "/articles/*" }, serve: "stable" }] },
  }),
  serin("canary, fallback armed", EVERYBODY),
  serin("canary down, breaker open", { document: { ...STATE, percentage: 100 }, canary: "broken", crowd: 10 }),
  serin("rollout, on stable", { plan: PLAN }),
  serin("rollout, on the canary", { plan: PLAN, request: chosen, side: "canary" }),
  serin("one in ten requests copied to the canary", mirroring(10)),
  serin("each request copied to the canary", mirroring(100)),
  serin("/health", { request: { ...known, path: "/health" }, side: undefined }),
].map(named("contestant"));

const titled = (...titles) => CONTESTANTS.filter(({ title }) => titles.includes(title));

/** Contestants of the start-up measurement. */
export const STARTS = titled(FLOOR, SPLITTER, "Serin: steady visitor");

/**
 * Contestants of the memory measurement: on stable, on the canary, and observed on both. Both sides have the same number of isolates,
 * because most of the memory in each isolate is garbage that the engine has not collected yet.
 */
export const MEMORY = {
  "Serin": titled("Serin: steady visitor", "Serin: canary, fallback armed", "Serin: rollout, on stable", "Serin: rollout, on the canary"),
  "JavaScript": titled(SPLITTER, ...["canary, fallback armed", "observed, on stable", "observed, on the canary"].map((title) => `JavaScript: ${title}`)),
};

/** Compares builds: the present one and those in other folders. */
export function against(folders) {
  const floor = CONTESTANTS.filter(({ title, group }) => [FLOOR, CONTROL].includes(title) || group === TWIN);
  const others = folders.map((folder) => [basename(resolve(folder)), built(folder)]);
  const steady = [[basename(BUILD), ARTEFACTS], ...others].map(([title, modules]) => serin(title, { modules }));
  return [...floor, ...steady].map(named("build"));
}

function named(prefix) {
  return (contestant, at) => ({ ...contestant, name: contestant.direct ?? `${prefix}-${at}` });
}

/** The Workers of all contestants, the variants behind them, and the driver that calls them in process. */
export function workers(contestants) {
  const variant = (name, side, status) => ({
    name,
    modules: script("variant.js"),
    bindings: { SIDE: { text: side }, STATUS: { text: status } },
  });
  const driven = contestants.map(({ name }) => [name, { service: name }]);
  return [
    variant("stable", "stable", 200),
    variant("canary", "canary", 200),
    variant("broken", "broken", 503),
    // No measured request may reach the console's files: it would be answered by neither variant.
    variant("assets", "assets", 500),
    ...contestants.filter(({ direct }) => !direct).flatMap(withKv),
    { name: "driver", modules: script("driver.js"), bindings: Object.fromEntries(driven) },
  ];
}

/** Prepares a contestant for measurement. */
export async function prepare({ plan, request, crowd = 0 }, port) {
  if (plan) await startRollout(port, HOST, plan, request);
  // The breaker opens by visitors, so one visitor alone would not open it.
  const connection = crowd > 0 && new Connection(port);
  for (let n = 0; n < crowd; n += 1) await connection.request(bytesOf(newcomer));
  if (connection) connection.close();
}

function withKv({ name, modules, document, canary = "canary", plan, assets }) {
  const kv = `${name}-kv`;
  return [
    { name: kv, modules: script("kv.js"), bindings: document ? { DOCUMENT: { text: JSON.stringify(document) } } : {} },
    {
      name,
      modules,
      objects: plan ? OBJECTS : [],
      bindings: {
        STABLE: { service: "stable" },
        CANARY: { service: canary },
        CANARY_STATE: { kvNamespace: kv },
        OVERRIDE_TOKEN: { text: OVERRIDE_TOKEN },
        ...(assets && { ASSETS: { service: "assets" } }),
        ...(plan && {
          ADMIN_TOKEN: { text: ADMIN_TOKEN },
          ROLLOUT: { durableObjectNamespace: "RolloutController" },
          METRICS: { durableObjectNamespace: "MetricsShard" },
        }),
      },
    },
  ];
}

/** Stops a run that would measure something else. */
export function check({ title, side, setsCookie = false }, answer) {
  const head = answer.slice(0, answer.indexOf("\r\n\r\n")).toLowerCase();
  const served = /^x-side: (.*)$/m.exec(head)?.[1];
  const wrong = [
    !head.startsWith("http/1.1 200 ") && "the status is not 200",
    side && served !== side && `${served} answered instead of ${side}`,
    setsCookie !== head.includes("\r\nset-cookie:") && `a cookie is set: ${!setsCookie}`,
  ].filter(Boolean);
  if (wrong.length > 0) throw new Error(`${title}: ${wrong.join("; ")}\n${head}`);
}
