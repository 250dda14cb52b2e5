// The built Worker in its own workerd: between it and the test there is only HTTP, a KV that fails on request, and two variants whose
// behaviour a request selects. An exception in a variant is an exception here, as in production.

import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Client } from "./client.mjs";
import { eventually } from "./eventually.mjs";
import { Workerd } from "./process.mjs";

const HERE = import.meta.dirname;
const ROOT = join(HERE, "..", "..", "..");
/** The Worker under test: the output of `npm run build`, or another build of the same crate. */
const BUILD = resolve(ROOT, process.env.SERIN_BUILD || "build");
/** The Worker that panics on request: `npm run build:panic`. */
const PANIC_BUILD = join(ROOT, "build", "panic");
const MODULES = ["index.js", "index_bg.wasm"];
const SOCKETS = ["serin", "variants", "kv"];
/** The canary's version, where the variants are versions of one Worker; `variants.js` has it too. */
export const CANARY_VERSION = "9d2f1c70-3c5b-4f0e-b1a6-5e8d7c4b3a22";
export const STABLE_VERSION = "0b5e9a4e-6f0c-4a9e-8f43-1b7a6f0d2c11";
export const CF_HEADER = "x-test-cf";
export const ADMIN_TOKEN = "token-of-the-tests";

const DEFAULTS = {
  /** KV at the start. An object's values that are not strings are written as JSON. */
  kv: {},
  mode: { kind: "ok" },
  vars: {},
  /** Names of bindings to omit. */
  without: [],
  /** The variants are versions of one Worker. Documents name the canary's version. The files `versions-*.test.mjs` set the variable. */
  versions: undefined,
  /** Sends data points for Analytics Engine to the variants. */
  analytics: false,
  /** Uses the build that panics where a request's header `x-serin-panic` says: `route`, `answer` or `background`. */
  panics: false,
  /** Uses Durable Objects that fail on request: `misbehave()`. */
  lab: false,
  /** More isolates of the same Worker, which share its KV and its objects: for each the folder of its build, or `undefined` for the same. */
  others: [],
  /** The folder of the build, if it is another one than the one under test. */
  build: undefined,
  /** Binds the files of the console as `ASSETS`. */
  console: false,
  /** Opens a socket to the variant stable without Serin: `directPort`. */
  direct: false,
  /** Source of a Worker that has Serin bound as `SERIN` and listens on `caller`; none by default. */
  caller: undefined,
  /** Port of a proxy that gets every request to the internet; none by default. */
  internet: undefined,
  /** Runs KV and the variants in another process. Exceptions of variants then arrive as responses with status 500. */
  separate: false,
  /** Ports of the variants `stable` and `canary` if they run elsewhere; needs `separate`. */
  upstreams: {},
};

/** Starts Serin for one test file, or one test: `const serin = await startSerin(t, {...})`. It stops when `t` ends. */
export async function startSerin(t, options = {}) {
  const serin = new Serin();
  t.after(() => serin.stop());
  await serin.start({ ...DEFAULTS, ...options });
  return serin;
}

/** The console's files of a build. worker-build makes the Worker alone. */
const consoleOf = (build) => [join(build, "console"), join(ROOT, "build", "console")].find(existsSync);

class Serin {
  #directory;
  #splitter = new Workerd();
  /** KV and the variants, which outlive a splitter that the test kills. */
  #world = this.#splitter;
  #config;
  #kvControl;
  #variantControl;
  #labControl;
  output = [];

  async start(options) {
    const { console: hasConsole, kv, mode, panics, lab, separate, upstreams, analytics, caller, internet, others, build, direct } = options;
    const { versions = process.env.SERIN_TEST_VARIANTS === "versions" } = options;
    const { vars, without } = versions ? asVersions(options) : options;
    this.named = versions ? { canaryVersion: CANARY_VERSION } : {};
    this.#directory = await mkdtemp(join(tmpdir(), "serin-edge-"));
    const own = panics ? PANIC_BUILD : (build ?? BUILD);
    await this.#install(own, "");
    for (const [at, folder] of others.entries()) await this.#install(folder ?? own, `other-${at}-`);
    for (const file of ["variants.js", "kv.js", "lab.js"]) await cp(join(HERE, file), join(this.#directory, file));
    await mkdir(join(this.#directory, "objects"));

    if (separate) {
      this.#world = new Workerd();
      const served = [socket("stable", stableOf(versions)), ...SERVED_SOCKETS];
      await this.#world.start(this.#directory, capnp(WORLD, [...WORLD_SOCKETS, ...served]), WORLD_PORTS, this.output);
    }
    const { ports } = this.#world;
    const around = separate ? elsewhere({ ...ports, ...upstreams }) : [...WORLD, ["internet", internet ? PROXY(internet) : INTERNET]];
    const bindings = { REFRESH_SECONDS: "0.05", ADMIN_TOKEN, ...vars };
    const services = [["serin", `worker = ${splitter(bindings, { without, lab, separate, versions, analytics, hasConsole })}`], OBJECTS(join(this.#directory, "objects")), ...around];
    // Plain workerd has no assets; a folder answers as they do.
    if (hasConsole) services.push(["assets", `disk = (path = ${JSON.stringify(consoleOf(own))})`]);
    const sockets = [SERIN_SOCKET, ...(separate ? [] : WORLD_SOCKETS)];
    const names = separate ? ["serin"] : [...SOCKETS];
    if (direct) {
      sockets.push(socket("direct", entrypoint("variants", "Stable")));
      names.push("direct");
    }
    for (const name of Array.from(others, (_, at) => `other-${at}`)) {
      services.push([name, `worker = ${splitter(bindings, { without, separate, versions, analytics, prefix: `${name}-` })}`]);
      sockets.push(socket(name, `"${name}"`));
      names.push(name);
    }
    if (lab) {
      sockets.push(socket("lab", entrypoint("serin", "lab")));
      names.push("lab");
    }
    if (caller !== undefined) {
      await writeFile(join(this.#directory, "caller.js"), caller);
      services.push(["caller", `worker = ${CALLER}`]);
      sockets.push(socket("caller", '"caller"'));
      names.push("caller");
    }
    this.#config = [capnp(services, sockets), names];
    await this.#listen();
    if (caller !== undefined) this.caller = new Client(this.#splitter.ports.caller);
    this.#kvControl = new Client(this.#world.ports.kv);
    this.#variantControl = new Client(this.#world.ports.variants);
    await this.kv({ ...kv }, mode);
  }

  async #listen() {
    await this.#splitter.start(this.#directory, ...this.#config, this.output);
    const { ports } = this.#splitter;
    this.client = new Client(ports.serin);
    this.others = Object.keys(ports).filter((name) => name.startsWith("other-")).map((name) => new Client(ports[name]));
    this.#labControl = new Client(this.#splitter.ports.lab);
  }

  get port() {
    return this.#splitter.ports.serin;
  }

  /** Port of the variant stable; needs `direct`. */
  get directPort() {
    return this.#splitter.ports.direct;
  }

  /** Port at which KV speaks workerd's protocol; needs `separate`. */
  get storePort() {
    return this.#world.ports.store;
  }

  async stop() {
    for (const client of [this.client, this.caller, ...(this.others ?? []), this.#kvControl, this.#variantControl, this.#labControl]) client?.close();
    await this.#splitter.kill();
    await this.#world.kill();
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
  }

  /** Copies a build beside the other Workers of the test. */
  async #install(folder, prefix) {
    for (const file of MODULES) {
      const made = join(folder, file);
      await cp(made, join(this.#directory, prefix + file)).catch((cause) => {
        throw new Error(`${made} is missing: run \`npm run ${folder === PANIC_BUILD ? "build:panic" : "build"}\``, { cause });
      });
    }
  }

  /** Kills the splitter and starts it again, as another build if one is named, with the stored data of its objects; needs `separate`. `change` may change the data, in the folder that it gets. */
  async killAndRestart(build, change = async () => {}) {
    for (const client of [this.client, ...this.others, this.#labControl]) client.close();
    await this.#splitter.kill();
    if (build !== undefined) await this.#install(build, "");
    await change(join(this.#directory, "objects"));
    await this.#listen();
  }

  /** Every storage file of the objects, as text. */
  async stored() {
    const files = await readdir(join(this.#directory, "objects"), { recursive: true, withFileTypes: true });
    return Promise.all(files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), "latin1")));
  }

  /** Peak memory of workerd in bytes, or 0 on systems without this information (outside Linux). */
  peakMemory() {
    return this.#splitter.peakMemory();
  }

  /** The splitter's memory in bytes, its open files, and its CPU time in ms; outside Linux 0. */
  resources() {
    return this.#splitter.resources();
  }

  // === what a visitor does ===

  request(path, options) {
    return this.client.request(path, options);
  }

  /** The name of the variant that responds. */
  async variant(options) {
    const response = await this.request("/?both=name", options);
    if (response.status !== 200) throw new Error(`expected a variant, got ${response.status}: ${response.text}`);
    return response.text.split(" ")[0];
  }

  async health() {
    const response = await this.request("/health?detailed=true");
    return { httpStatus: response.status, ...response.json };
  }

  // === what an operator does ===

  /** Replaces the content of KV and its behaviour. The change takes effect when the isolate next reads. */
  async kv(values, mode, writeMode) {
    const texts = Object.entries(values ?? {}).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(key === "canary-state" ? { ...this.named, ...value } : value),
    ]);
    const steer = { values: values && Object.fromEntries(texts), mode, writeMode };
    await this.#kvControl.request("/", { method: "POST", body: JSON.stringify(steer) });
  }

  /** As `kv`, but returns when the isolate has read the new content twice and has therefore applied it. */
  async kvSettled(values, mode) {
    await this.kv(values, mode);
    const count = async () => (await this.#kvControl.request("/", { method: "POST", body: "{}" })).json.reads;
    const before = await count();
    await eventually(async () => {
      await this.request("/?both=name");
      const after = await count();
      if (after < before + 2) throw new Error(`KV was read ${after - before} times since it changed`);
    });
  }

  /** The content of KV. */
  async values() {
    return (await this.#kvControl.request("/values")).json;
  }

  /** Calls the control API. */
  async api(method, path, body, headers = {}) {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    return this.client.request(`/__serin/${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...json, ...headers },
    });
  }

  /** The status, once the check passes. */
  status(check = () => true) {
    return eventually(async () => {
      const { status, json, text } = await this.api("GET", "status");
      if (status !== 200) throw new Error(`status answers ${status}: ${text}`);
      if (!check(json)) throw new Error(`not yet: ${JSON.stringify(json, null, 1)}`);
      return json;
    }, { within: 60_000 });
  }

  async audit() {
    return (await this.api("GET", "audit?limit=1000")).json.rows.reverse();
  }

  /** Discards KV's record of reads, which would otherwise grow. */
  async forgetReads() {
    await this.#kvControl.request("/", { method: "POST", body: JSON.stringify({ forget: true }) });
  }

  async reads() {
    return (await this.#kvControl.request("/")).json;
  }

  // === requests that the variants received, and their behaviour ===

  async journal() {
    return (await this.#variantControl.request("/")).json;
  }

  /** For writes with an `x-write` header: how many arrived, and how many of them more than once. */
  async writes() {
    return (await this.#variantControl.request("/writes")).json;
  }

  async variantHealth(answers) {
    await this.#variantControl.request("/", { method: "POST", body: JSON.stringify(answers) });
  }

  /** How the platform treats overrides: `{ override: "honour" | "ignore", late: ms, marks: true | false, percentage: 0 | 100 }`. */
  async platform(behaviour) {
    await this.#variantControl.request("/platform", { method: "POST", body: JSON.stringify(behaviour) });
  }

  // === how Serin's own objects fail ===

  /** Makes the `controller` or the `metrics` shards `throw`, `hang`, restart at each call (`evict`), have a `full` disk, or work (`ok`); needs `lab`. */
  async misbehave(object, mode) {
    await this.#labControl.request("/", { method: "POST", body: JSON.stringify({ [object]: mode }) });
  }

  /** Sets how far Serin's clock is ahead of the machine's, in seconds; negative where it is behind. Needs `lab`. */
  async clockAhead(seconds) {
    await this.#labControl.request("/", { method: "POST", body: JSON.stringify({ ahead: seconds * 1_000 }) });
  }

  /** Makes each of Serin's timers late, in ms, as a busy machine does; needs `lab`. */
  async delayTimers(late) {
    await this.#labControl.request("/", { method: "POST", body: JSON.stringify({ late }) });
  }

  /** Lets the runtime refuse to make a second attempt at a request; needs `lab`. */
  async refuseRetries() {
    await this.#labControl.request("/", { method: "POST", body: JSON.stringify({ hasNoRetries: true }) });
  }

  // === what Serin logged ===

  logs(event) {
    return this.output
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line))
      .filter((entry) => !event || entry.event === event);
  }

  /** Waits for a log line of this event that also passes the check. */
  logged(event, check = () => true) {
    return eventually(() => {
      const found = this.logs(event).find(check);
      if (!found) throw new Error(`no log line ${event} like that in:\n${this.output.join("\n")}`);
      return found;
    });
  }
}

const INTERNET = 'network = (allow = ["public", "private"])';
// A proxy gets the whole URL, also that of an https address.
const PROXY = (port) => `external = (address = "127.0.0.1:${port}", http = (style = proxy))`;
const SERIN_SOCKET = `(name = "serin", address = "127.0.0.1:0", http = (cfBlobHeader = "${CF_HEADER}"), service = "serin")`;
const socket = (name, service) => `(name = "${name}", address = "127.0.0.1:0", http = (), service = ${service})`;
const entrypoint = (name, of) => `(name = "${name}", entrypoint = "${of}")`;
const esModule = (name) => `(name = "${name}", esModule = embed "${name}")`;
const index = (prefix) => [`(name = "index.js", esModule = embed "${prefix}index.js")`, `(name = "index_bg.wasm", wasm = embed "${prefix}index_bg.wasm")`];
const INDEX = index("");
const small = (name) => `(modules = [${esModule(`${name}.js`)}], compatibilityDate = "2026-11-01")`;

// The test can import Serin's modules and inspect their exports.
const CALLER = `(
  modules = [${[esModule("caller.js"), ...INDEX].join(", ")}],
  compatibilityDate = "2026-11-01",
  bindings = [(name = "SERIN", service = "serin")],
)`;

const WORLD = [
  ["variants", `worker = ${small("variants")}`],
  ["kv", `worker = ${small("kv")}`],
];
const WORLD_SOCKETS = [
  socket("variants", entrypoint("variants", "control")),
  socket("kv", entrypoint("kv", "control")),
];
// The process that a splitter in another process calls.
const SERVED_SOCKETS = [
  socket("canary", entrypoint("variants", "Canary")),
  socket("store", '"kv"'),
];
const stableOf = (versions) => entrypoint("variants", versions ? "Platform" : "Stable");
/** Options of a splitter in front of one Worker: what takes CANARY away takes the Worker's name away. */
const asVersions = ({ vars, without }) => ({
  vars: without.includes("CANARY") ? vars : { SERVICE_WORKER: "variants", ...vars },
  without: [...without, "CANARY"],
});
const WORLD_PORTS = ["variants", "kv", "stable", "canary", "store"];
const elsewhere = (ports) => [
  ...["stable", "canary", "store"].map((name) => [name, `external = (address = "127.0.0.1:${ports[name]}", http = ())`]),
  ["internet", INTERNET],
];
const OBJECTS = (path) => ["objects", `disk = (path = "${path}", writable = true)`];

const OWN_OBJECTS = `durableObjectNamespaces = [
      (className = "RolloutController", uniqueKey = "rollout", enableSql = true),
      (className = "MetricsShard", uniqueKey = "metrics", enableSql = true),
    ],
    durableObjectStorage = (localDisk = "objects"),`;

/** The Worker, or with a prefix one more isolate of it, which has no objects of its own. */
function splitter(vars, { without, lab, separate, versions, analytics, hasConsole, prefix = "" }) {
  const object = (name) => (prefix ? `durableObjectNamespace = (className = "${name}", serviceName = "serin")` : `durableObjectNamespace = "${name}"`);
  const bindings = [
    ["STABLE", `service = ${separate ? '"stable"' : stableOf(versions)}`],
    ["CANARY", separate ? 'service = "canary"' : 'service = (name = "variants", entrypoint = "Canary")'],
    ["CANARY_STATE", `kvNamespace = "${separate ? "store" : "kv"}"`],
    ["ROLLOUT", object("RolloutController")],
    ["METRICS", object("MetricsShard")],
    ...(hasConsole ? [["ASSETS", 'service = "assets"']] : []),
    ...(analytics ? [["ANALYTICS", 'analyticsEngine = "variants"']] : []),
    ["VERSION", 'json = "{\\"id\\": \\"test-version\\", \\"tag\\": \\"v-test\\", \\"timestamp\\": \\"\\"}"'],
    ...Object.entries(vars).map(([name, value]) => [name, `text = ${JSON.stringify(String(value))}`]),
  ]
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) => `(name = "${name}", ${value})`);
  return `(
    modules = [${[...(lab ? [esModule("lab.js")] : []), ...index(prefix)].join(", ")}],
    compatibilityDate = "2026-11-01",
    bindings = [${bindings.join(", ")}],
    ${prefix ? "" : OWN_OBJECTS}
  )`;
}

function capnp(services, sockets) {
  return `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services.map(([name, what]) => `(name = "${name}", ${what})`).join(", ")}],
  sockets = [${sockets.join(", ")}],
);
`;
}
