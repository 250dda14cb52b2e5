// The built Worker in a workerd of its own: nothing between it and the test but HTTP, a KV that fails on request, and
// two variants that do what a request asks of them. A throw of a variant is a throw here, as in production.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "./client.mjs";
import { eventually } from "./eventually.mjs";

const HERE = import.meta.dirname;
const ROOT = join(HERE, "..", "..", "..");
const SOCKETS = ["serin", "variants", "kv"];
export const CF_HEADER = "x-test-cf";
export const ADMIN_TOKEN = "token-of-the-tests";

const DEFAULTS = {
  /** KV at the start; an object's values that are no strings are written as JSON. */
  kv: {},
  mode: { kind: "ok" },
  vars: {},
  /** Bindings to leave out, by name. */
  without: [],
  /** What becomes of build/index.js before it runs. */
  edit: (source) => source,
};

/** Starts Serin for one test file, or one test: `const serin = await startSerin(t, {...})`, stopped when `t` ends. */
export async function startSerin(t, options = {}) {
  const serin = new Serin();
  t.after(() => serin.stop());
  await serin.start({ ...DEFAULTS, ...options });
  return serin;
}

class Serin {
  #directory;
  #process;
  #ports = {};
  output = [];

  async start({ kv, mode, vars, without, edit }) {
    this.#directory = await mkdtemp(join(tmpdir(), "serin-edge-"));
    for (const file of ["serin.wasm", "control.js", "control.wasm"]) {
      await cp(join(ROOT, "build", file), join(this.#directory, file));
    }
    const source = await readFile(join(ROOT, "build", "index.js"), "utf8");
    await writeFile(join(this.#directory, "index.js"), edit(source));
    for (const file of ["variants.js", "kv.js"]) await cp(join(HERE, file), join(this.#directory, file));
    const config = join(this.#directory, "config.capnp");
    const objects = join(this.#directory, "objects");
    await mkdir(objects);
    await writeFile(config, capnp({ REFRESH_SECONDS: "0.05", ADMIN_TOKEN, ...vars }, without, objects));

    const workerd = join(ROOT, "node_modules", ".bin", "workerd");
    this.#process = spawn(workerd, ["serve", "--experimental", "--control-fd=3", config], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      createInterface(stream).on("line", (line) => this.output.push(line));
    }
    await this.#listening();
    this.client = new Client(this.#ports.serin);
    this.#kvControl = new Client(this.#ports.kv);
    this.#variantControl = new Client(this.#ports.variants);
    await this.kv({ ...kv }, mode);
  }

  #kvControl;
  #variantControl;

  get port() {
    return this.#ports.serin;
  }

  async #listening() {
    const control = createInterface(this.#process.stdio[3]);
    const gone = once(this.#process, "exit").then(() => {
      throw new Error(`workerd ended before it listened:\n${this.output.join("\n")}`);
    });
    gone.catch(() => {});
    const ready = new Promise((resolve) => {
      control.on("line", (line) => {
        const { event, socket, port } = JSON.parse(line);
        if (event === "listen") this.#ports[socket] = port;
        if (SOCKETS.every((name) => this.#ports[name])) resolve();
      });
    });
    await Promise.race([ready, gone]);
  }

  async stop() {
    for (const client of [this.client, this.#kvControl, this.#variantControl]) client?.close();
    if (this.#process && this.#process.exitCode === null) {
      this.#process.kill("SIGKILL");
      await once(this.#process, "exit");
    }
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
  }

  /** The most memory that workerd ever held, in bytes; where the system does not tell (outside Linux), 0. */
  async peakMemory() {
    const status = await readFile(`/proc/${this.#process.pid}/status`, "utf8").catch(() => "");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  }

  // === what a visitor does ===

  request(path, options) {
    return this.client.request(path, options);
  }

  /** Which variant answers. */
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

  /** Replaces what KV holds, and how it behaves. Takes effect when the isolate next reads. */
  async kv(values, mode) {
    const texts = Object.entries(values ?? {}).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    const steer = { values: values && Object.fromEntries(texts), mode };
    await this.#kvControl.request("/", { method: "POST", body: JSON.stringify(steer) });
  }

  /** As `kv`, and returns when the isolate has read it, twice: what it then does is what it makes of it. */
  async kvSettled(values, mode) {
    await this.kv(values, mode);
    const before = (await this.reads()).length;
    await eventually(async () => {
      await this.request("/?both=name");
      const after = (await this.reads()).length;
      if (after < before + 2) throw new Error(`KV was read ${after - before} times since it changed`);
    });
  }

  /** What KV holds. */
  async values() {
    return (await this.#kvControl.request("/values")).json;
  }

  /** A call to the control API. */
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

  async reads() {
    return (await this.#kvControl.request("/")).json;
  }

  // === what the variants saw, and are told to do ===

  async journal() {
    return (await this.#variantControl.request("/")).json;
  }

  async variantHealth(answers) {
    await this.#variantControl.request("/", { method: "POST", body: JSON.stringify(answers) });
  }

  // === what Serin logged ===

  logs(event) {
    return this.output
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line))
      .filter((entry) => !event || entry.event === event);
  }

  /** Waits for a log line of that event that also passes the check. */
  logged(event, check = () => true) {
    return eventually(() => {
      const found = this.logs(event).find(check);
      if (!found) throw new Error(`no log line ${event} like that in:\n${this.output.join("\n")}`);
      return found;
    });
  }
}

function capnp(vars, without, objects) {
  const bindings = [
    ["STABLE", 'service = (name = "variants", entrypoint = "Stable")'],
    ["CANARY", 'service = (name = "variants", entrypoint = "Canary")'],
    ["CANARY_STATE", 'kvNamespace = "kv"'],
    ["ROLLOUT", 'durableObjectNamespace = "RolloutController"'],
    ["METRICS", 'durableObjectNamespace = "MetricsShard"'],
    ["VERSION", 'json = "{\\"id\\": \\"test-version\\", \\"tag\\": \\"v-test\\", \\"timestamp\\": \\"\\"}"'],
    ...Object.entries(vars).map(([name, value]) => [name, `text = ${JSON.stringify(String(value))}`]),
  ]
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) => `(name = "${name}", ${value})`);
  return `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "serin", worker = .serin),
    (name = "variants", worker = .variants),
    (name = "kv", worker = .kv),
    (name = "objects", disk = (path = "${objects}", writable = true)),
  ],
  sockets = [
    (name = "serin", address = "127.0.0.1:0", http = (cfBlobHeader = "${CF_HEADER}"), service = "serin"),
    (name = "variants", address = "127.0.0.1:0", http = (), service = (name = "variants", entrypoint = "control")),
    (name = "kv", address = "127.0.0.1:0", http = (), service = (name = "kv", entrypoint = "control")),
  ],
);
const serin :Workerd.Worker = (
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    (name = "serin.wasm", wasm = embed "serin.wasm"),
    (name = "control.js", esModule = embed "control.js"),
    (name = "control.wasm", wasm = embed "control.wasm"),
  ],
  compatibilityDate = "2026-11-01",
  bindings = [${bindings.join(", ")}],
  durableObjectNamespaces = [
    (className = "RolloutController", uniqueKey = "rollout", enableSql = true),
    (className = "MetricsShard", uniqueKey = "metrics", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
);
const variants :Workerd.Worker = (
  modules = [(name = "variants.js", esModule = embed "variants.js")],
  compatibilityDate = "2026-11-01",
);
const kv :Workerd.Worker = (
  modules = [(name = "kv.js", esModule = embed "kv.js")],
  compatibilityDate = "2026-11-01",
);
`;
}
