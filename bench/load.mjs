// The load: raw keep-alive connections with one request in flight each. The generator costs little compared with the measured work, and
// needs only Node.

import { once } from "node:events";
import { connect } from "node:net";

const ANSWER_DEADLINE_MS = 10_000;

/** The bytes of a request. The default method is GET. */
export function bytesOf({ method = "GET", path, headers, body = "" }) {
  const framing = body && { "Content-Length": Buffer.byteLength(body) };
  const lines = Object.entries({ ...headers, ...framing }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`, "latin1");
}

export class Connection {
  #socket;
  #received = "";
  #waiting;

  constructor(port) {
    this.port = port;
  }

  /** Sends one request. Returns the whole response as text. */
  async request(bytes) {
    // The server closes idle connections.
    if (!this.#socket || this.#socket.destroyed) await this.#open();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(bytes);
    });
  }

  close() {
    this.#socket?.destroy();
  }

  async #open() {
    const socket = connect({ port: this.port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    this.#socket = socket;
    this.#received = "";
    socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy(new Error("no answer in time")));
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", () => {});
    socket.on("close", () => this.#settle("reject", new Error("the connection was closed before the answer")));
  }

  #take(chunk) {
    this.#received += chunk.latin1Slice();
    if (!isWhole(this.#received)) return;
    const answer = this.#received;
    this.#received = "";
    this.#settle("resolve", answer);
  }

  #settle(how, value) {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.[how](value);
  }
}

function isWhole(text) {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text);
  return length ? text.length >= head + 4 + Number(length[1]) : text.endsWith("\r\n0\r\n\r\n");
}

/** Sends `count` requests over the connections. Returns the latency of each in µs. */
export async function send(connections, bytes, count) {
  const latencies = [];
  let left = count;
  await Promise.all(
    connections.map(async (connection) => {
      while (left > 0) {
        left -= 1;
        const begun = performance.now();
        const answer = await connection.request(bytes);
        latencies.push((performance.now() - begun) * 1_000);
        if (!answer.startsWith("HTTP/1.1 200 ")) throw new Error(`unexpected answer: ${answer.slice(0, 300)}`);
      }
    }),
  );
  return latencies;
}

/** Sends a request and closes the connection at the first bytes of the response. */
export async function abort(port, bytes) {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy());
  socket.on("error", () => {});
  socket.write(bytes);
  await new Promise((resolve) => socket.once("data", resolve).once("close", resolve));
  socket.destroy();
}
