// An account with Workers on this machine. Each name has one permanent address, with a workerd behind it that runs the last deployed code.
// As on the platform, new code takes over when it is ready, and old code finishes the requests it has begun. A Worker may have versions:
// a deployment has some of them, and a request's override selects one of those.

import { Agent, createServer, request as send } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unstable_readConfig as readConfig } from "wrangler";
import { Workerd } from "./process.mjs";

/** Starts an account without Workers. It is removed when `t` ends. */
export async function startAccount(t) {
  const account = new Account();
  t.after(() => account.stop());
  await account.start();
  return account;
}

class Account {
  #slots = new Map();
  #server;
  /** The arguments of every wrangler call. */
  calls = [];
  /** Requests of visitors to a missing Worker: its name and the path. */
  missed = [];
  /** The bindings of the splitter's deployed versions, by the version's id. */
  versions = new Map();
  /** Output of workerd. */
  output = [];
  /** How long an uploaded version is not there for overrides although it is deployed, in ms. */
  lag = 0;
  /** Awaited before new code takes over, with the Worker's name. */
  beforeDeploy = async () => {};
  /** Called for each request to a Worker, with its name and the path. */
  onRequest = () => {};
  /** The port of a store with workerd's KV protocol, for the stand-in for wrangler. */
  store;

  async start() {
    this.#server = createServer((incoming, outgoing) => this.#answer(incoming, outgoing));
    // On a busy machine a call of the stand-in for wrangler may pause for longer than an idle connection stays open.
    this.#server.keepAliveTimeout = 0;
    await listening(this.#server);
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
  }

  async stop() {
    this.#server?.closeAllConnections();
    this.#server?.close();
    for (const slot of this.#slots.values()) await slot.stop();
  }

  /** The port of the Worker with this name, if it exists. */
  async port(name) {
    if (!this.#slots.has(name)) {
      const slot = new Slot(name, this);
      this.#slots.set(name, slot);
      await slot.start();
    }
    return this.#slots.get(name).port;
  }

  /** Whether a Worker with this name exists. */
  has(name) {
    return this.#slots.get(name)?.isThere ?? false;
  }

  async deploy(name, { source, compatibilityDate }) {
    await this.port(name);
    await this.beforeDeploy(name);
    await this.#slots.get(name).deploy(source, compatibilityDate);
  }

  /** The present deployment of a Worker. */
  deployment(name) {
    return this.#slots.get(name).deployment;
  }

  /** Deploys versions of a Worker, as another person may do with the dashboard. */
  async deployVersions(name, versions) {
    await this.beforeDeploy(name);
    await this.#slots.get(name).deployVersions(versions);
  }

  /** The changes that wrangler makes to the account. */
  async #answer(incoming, outgoing) {
    let text = "";
    for await (const chunk of incoming) text += chunk;
    const [, , encoded, part] = incoming.url.split("/");
    const name = decodeURIComponent(encoded ?? "");
    const answer = (status, body) => outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (part !== undefined && !this.has(name)) return answer(404, { code: 10007 });
    switch (`${incoming.method} ${part ?? incoming.url.split("/")[1]}`) {
      case "POST versions": {
        const { source, compatibilityDate } = JSON.parse(text);
        const upload = this.#slots.get(name).upload(source, compatibilityDate);
        await upload.then((id) => answer(200, { id }), (error) => answer(400, { error: error.message }));
        return;
      }
      case "GET deployment":
        return answer(200, this.deployment(name));
      case "PUT deployment":
        await this.deployVersions(name, JSON.parse(text)).then(() => answer(200, {}), (error) => answer(400, { error: error.message }));
        return;
      case "POST calls":
        this.calls.push(JSON.parse(text));
        return answer(200, { store: this.store });
      case "POST configurations":
        try {
          return answer(200, readConfig(JSON.parse(text)));
        } catch (error) {
          return answer(400, { error: error.message });
        }
      case "GET versions": {
        const bindings = this.versions.get(incoming.url.slice("/versions/".length));
        return bindings ? answer(200, { resources: { bindings } }) : answer(404, { code: 10007 });
      }
      case "PUT workers":
        await this.deploy(name, JSON.parse(text)).then(() => answer(200, {}), (error) => answer(400, { error: error.message }));
        return;
      case "DELETE workers":
        if (!this.has(name)) return answer(404, { code: 10007 });
        await this.#slots.get(name).empty();
        return answer(200, {});
      default:
        return answer(405, {});
    }
  }
}

/** The permanent address of a name. */
class Slot {
  #name;
  #account;
  #server;
  /** Every version, by its id. */
  #versions = new Map();
  deployment;

  constructor(name, account) {
    this.#name = name;
    this.#account = account;
  }

  async start() {
    this.#server = createServer((incoming, outgoing) => this.#forward(incoming, outgoing));
    // The splitter reuses connections, so a connection that this side closes would look like a failure of the Worker.
    this.#server.keepAliveTimeout = 0;
    await listening(this.#server);
    this.port = this.#server.address().port;
  }

  get isThere() {
    return this.deployment !== undefined;
  }

  async deploy(source, compatibilityDate) {
    const id = await this.upload(source, compatibilityDate);
    await this.deployVersions([{ version_id: id, percentage: 100 }]);
  }

  async upload(source, compatibilityDate) {
    const id = randomUUID();
    const next = new Running();
    await next.start(source, compatibilityDate, this.#account.output, id);
    this.#versions.set(id, next);
    return id;
  }

  async deployVersions(versions) {
    if (!versions.every(({ version_id }) => this.#versions.has(version_id))) throw new Error("there is no such version");
    const last = this.deployment?.versions ?? [];
    const about = { id: randomUUID(), created_on: new Date().toISOString(), author_email: "ada@shop.example", source: "wrangler", strategy: "percentage" };
    this.deployment = { ...about, versions };
    this.deployedAt = Date.now();
    const gone = last.filter(({ version_id }) => !versions.some((one) => one.version_id === version_id));
    await Promise.all(gone.map(({ version_id }) => this.#versions.get(version_id).rest()));
  }

  async empty() {
    this.deployment = undefined;
    const last = [...this.#versions.values()];
    this.#versions.clear();
    await Promise.all(last.map((version) => version.retire()));
  }

  /** The version for a request: the one that its override names, if it is deployed, else the one with the share. */
  #versionFor(headers) {
    const { versions } = this.deployment;
    const wanted = /^([a-z][a-z0-9_-]*)="([^"\\]*)"$/.exec(headers["cloudflare-workers-version-overrides"] ?? "");
    const isThere = Date.now() - this.deployedAt >= this.#account.lag;
    const named = versions.find(({ version_id }) => isThere && wanted?.[1] === this.#name && wanted[2] === version_id);
    const { version_id } = named ?? versions.find(({ percentage }) => percentage === 100) ?? versions[0];
    return this.#versions.get(version_id);
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    for (const version of this.#versions.values()) await version.stop();
  }

  #forward(incoming, outgoing) {
    const { url } = incoming;
    this.#account.onRequest(this.#name, url);
    if (this.isThere) return this.#versionFor(incoming.headers).forward(incoming, outgoing);
    if (!url.startsWith("/health")) this.#account.missed.push({ name: this.#name, path: url });
    outgoing.writeHead(500).end(`there is no Worker ${this.#name}`);
  }
}

/** A workerd with one version of one Worker. */
class Running {
  #workerd = new Workerd();
  #agent = new Agent({ keepAlive: true });
  #open = 0;
  #idle;
  #directory;

  async start(source, compatibilityDate, output, id) {
    this.#directory = await mkdtemp(join(tmpdir(), "serin-worker-"));
    await writeFile(join(this.#directory, "worker.js"), source);
    await this.#workerd.start(this.#directory, config(compatibilityDate, id), ["http"], output);
  }

  forward(incoming, outgoing) {
    this.#open += 1;
    outgoing.on("close", () => {
      this.#open -= 1;
      if (this.#open === 0) this.#idle?.();
    });
    const { method, url: path, headers } = incoming;
    const onward = send({ host: "127.0.0.1", port: this.#workerd.ports.http, method, path, headers, agent: this.#agent });
    onward.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", (error) => outgoing.destroy(error));
    incoming.pipe(onward);
  }

  /** Returns after it has answered all its requests. */
  async rest() {
    if (this.#open > 0) await new Promise((resolve) => { this.#idle = resolve; });
  }

  /** Stops the process after it has answered all its requests. */
  async retire() {
    await this.rest();
    await this.stop();
  }

  async stop() {
    this.#agent.destroy();
    await this.#workerd.kill();
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
  }
}

async function listening(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

const config = (compatibilityDate, id) => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "worker", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = ${JSON.stringify(compatibilityDate)},
    bindings = [(name = "VERSION", json = ${JSON.stringify(JSON.stringify({ id }))})],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
`;
