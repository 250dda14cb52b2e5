// Requests as bytes on a connection: the client does not follow redirects, decompress bodies, merge headers or keep cookies.

import { Agent, request as send } from "node:http";
import { createHash } from "node:crypto";

/** The headers that a browser sends when it opens a page. */
export const NAVIGATION = {
  "sec-fetch-mode": "navigate",
  "sec-fetch-dest": "document",
  "sec-fetch-site": "none",
  accept: "text/html,application/xhtml+xml",
};

export class Client {
  #port;
  #agent;

  constructor(port, connections = 8) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  close() {
    this.#agent.destroy();
  }

  /** Returns the response with its whole body. `headers` is an object, or a flat list of names and values to send unchanged. */
  async request(path, { body, headers = {}, ...options } = {}) {
    // Node does not frame the body of a GET, DELETE or OPTIONS by itself.
    const framing = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const all = Array.isArray(headers) ? [...headers, ...Object.entries(framing).flat()] : { ...headers, ...framing };
    const { message } = await this.open(path, { ...options, headers: all }, (outgoing) => outgoing.end(body));
    const chunks = [];
    for await (const chunk of message) chunks.push(chunk);
    return new Answer(message, Buffer.concat(chunks));
  }

  /** Sends a request whose body `write` handles. Returns as soon as the response headers arrive. */
  open(path, { method = "GET", headers = {}, agent = this.#agent } = {}, write = (outgoing) => outgoing.end()) {
    return new Promise((resolve, reject) => {
      const outgoing = send({ host: "127.0.0.1", port: this.#port, path, method, headers, agent });
      outgoing.on("error", reject);
      outgoing.on("response", (message) => resolve({ message, outgoing }));
      outgoing.on("upgrade", (message, socket, head) => resolve({ message, socket, head, outgoing }));
      write(outgoing);
    });
  }
}

class Answer {
  constructor(message, body) {
    this.status = message.statusCode;
    this.statusText = message.statusMessage;
    this.headers = message.headers;
    this.rawHeaders = message.rawHeaders;
    this.body = body;
  }

  get text() {
    return this.body.toString("utf8");
  }

  get json() {
    return JSON.parse(this.text);
  }

  get cookies() {
    return this.headers["set-cookie"] ?? [];
  }
}

/** A browser with a simple cookie jar: names and values, which is enough for `__Host-` cookies. */
export class Browser {
  #cookies = new Map();
  #client;

  constructor(client, cookies = {}) {
    this.#client = client;
    for (const [name, value] of Object.entries(cookies)) this.#cookies.set(name, value);
  }

  cookie(name) {
    return this.#cookies.get(name);
  }

  async request(path, { headers = {}, ...options } = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const sent = cookie ? { cookie, ...headers } : headers;
    const answer = await this.#client.request(path, { ...options, headers: sent });
    for (const line of answer.cookies) {
      const [, name, value] = /^([^=;]+)=([^;]*)/.exec(line);
      this.#cookies.set(name, value);
    }
    return answer;
  }

  /** Opens a page. Returns the variant that served it. */
  async navigate(path = "/?both=name", headers = {}) {
    const answer = await this.request(path, { headers: { ...NAVIGATION, ...headers } });
    return answer.text.split(" ")[0];
  }
}

/** The cookie of visitor n. The visitors are the same in every run. */
export function visitorId(n) {
  return createHash("sha256").update(`visitor ${n}`).digest("hex").slice(0, 32);
}

export function visitorCookie(n) {
  return { cookie: `__Host-serin=${visitorId(n)}` };
}
