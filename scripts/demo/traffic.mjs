// Visitors and API clients that send requests at a fixed rate, as far as the machine keeps up.

import { Agent, request } from "node:http";

/** Share of the requests that API clients send. */
const API_SHARE = 0.2;
const API_CLIENTS = 40;
/** Pages that a browser loads before it leaves. */
const PAGES = 3;
const TICK_MS = 50;
/** Timeout of a client. */
const PATIENCE_MS = 20_000;
/** Requests without an answer, of which a machine that keeps up has a few. More would wait in a queue, and a change would show late. */
const MAX_IN_FLIGHT = 64;

/** Counts of answers by the variant that sent them. */
export class Answers {
  stable = 0;
  canary = 0;
  /** Answers that a client sees as an error: a status of 500 and above, or none at all. */
  errors = 0;

  add(kind) {
    this[kind] += 1;
  }
}

export class Traffic {
  #agent = new Agent({ keepAlive: true });
  #url;
  #ticks;
  #debt = 0;
  #pages = 0;
  #clients = 0;
  /** Browsers that will load another page. */
  #browsers = [];
  #inFlight = new Set();
  /** Every answer so far. */
  total = new Answers();
  /** Failure of the canary, as the header `x-break` of examples/canary/index.js has it; undefined while it is healthy. */
  breaks;

  constructor(url, rate) {
    this.#url = new URL(url);
    let last = performance.now();
    this.#ticks = setInterval(() => {
      const now = performance.now();
      this.#debt += (rate * (now - last)) / 1_000;
      last = now;
      for (; this.#debt >= 1; this.#debt -= 1) {
        if (this.#inFlight.size < MAX_IN_FLIGHT) this.#send();
      }
    }, TICK_MS);
  }

  /** Ends the traffic, and waits for answers that are on their way. */
  async stop() {
    clearInterval(this.#ticks);
    await Promise.all(this.#inFlight);
    this.#agent.destroy();
  }

  #send() {
    const answer = (Math.random() < API_SHARE ? this.#call() : this.#visit()).then((kind) => this.total.add(kind));
    this.#inFlight.add(answer);
    answer.finally(() => this.#inFlight.delete(answer));
  }

  /** An API client, which is known by a header. */
  async #call() {
    const name = `client-${this.#clients++ % API_CLIENTS}`;
    return kindOf(await this.#get("/api/orders", { "x-api-key": name, accept: "application/json" }));
  }

  /** A browser, which is known by its cookie from its second page on. */
  async #visit() {
    const browser = this.#browsers.length > 0 && this.#pages++ % PAGES > 0 ? this.#browsers.shift() : { cookie: undefined, left: PAGES };
    const answer = await this.#get("/", { accept: "text/html", ...(browser.cookie && { cookie: browser.cookie }) });
    browser.cookie ??= answer.cookie;
    browser.left -= 1;
    if (browser.left > 0) this.#browsers.push(browser);
    return kindOf(answer);
  }

  /** The status, the name of the variant and the cookie of an answer. Status 0 is no answer. */
  #get(path, headers) {
    if (this.breaks) headers["x-break"] = this.breaks;
    return new Promise((resolve) => {
      const { hostname, port } = this.#url;
      const sent = request({ agent: this.#agent, hostname, port, path, headers, timeout: PATIENCE_MS }, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk) => (body += chunk));
        response.on("error", () => resolve({ status: 0 }));
        response.on("end", () => {
          const cookie = response.headers["set-cookie"]?.[0]?.split(";")[0];
          resolve({ status: response.statusCode, body, cookie });
        });
      });
      sent.on("timeout", () => sent.destroy());
      sent.on("error", () => resolve({ status: 0 }));
      sent.end();
    });
  }
}

function kindOf({ status, body }) {
  if (status === 0 || status >= 500) return "errors";
  return /"served_by":"canary"/.test(body) ? "canary" : "stable";
}
