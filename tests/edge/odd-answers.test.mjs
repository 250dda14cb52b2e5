// Answers and requests at the edge of HTTP: statuses that no Worker can make, a panic while stable throws, a host that is none.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { NAVIGATION, visitorCookie } from "./harness/client.mjs";
import { startSerin } from "./harness/workerd.mjs";

/** Sends a head as it is, and returns the answer up to the end of its body, which is short. */
async function raw(port, head) {
  const socket = connect(port, "127.0.0.1");
  socket.write(head);
  let answer = "";
  for await (const chunk of socket) {
    answer += chunk.toString("latin1");
    const [, length] = /content-length: (\d+)/i.exec(answer) ?? [];
    if (answer.length === answer.indexOf("\r\n\r\n") + 4 + Number(length)) break;
  }
  return answer;
}

/** An origin behind a variant, which answers with the status of the query. */
async function origin(t) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      const [, status] = /status=(\d+)/.exec(data.toString());
      const upgrade = status === "101" ? "Connection: upgrade\r\nUpgrade: odd\r\n" : "";
      socket.write(`HTTP/1.1 ${status} Odd\r\nX-Origin: yes\r\n${upgrade}Content-Length: 3\r\n\r\nodd`);
    });
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return server.address().port;
}

for (const [variant, percentage] of Object.entries({ stable: 0, canary: 100 })) {
  test(`an unusual status arrives at a new visitor as at a known one (${variant})`, async (t) => {
    const port = await origin(t);
    const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage } } });
    const ask = async (status, headers) => {
      const lines = Object.entries({ host: "shop.example", connection: "close", ...headers }).map((pair) => `${pair.join(": ")}\r\n`);
      return raw(serin.port, `GET /?status=${status}&${variant}=origin:${port} HTTP/1.1\r\n${lines.join("")}\r\n`);
    };
    for (const status of [101, 600, 777, 999]) {
      const known = await ask(status, visitorCookie(1));
      assert.match(known, new RegExp(`^HTTP/1.1 ${status} Odd\r\n`));
      assert.match(known, /X-Origin: yes/i);
      assert.equal(await ask(status, NAVIGATION), known, `${status}`);
    }
  });
}

test("a panic while stable throws is the 502 of an unanswered request", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100 } }, panics: true });
  assert.equal(await serin.variant(), "canary");
  for (const [method, body] of [["GET"], ["POST", "x"]]) {
    const answer = await serin.request("/?both=throw", { method, body, headers: { "x-serin-panic": "route" } });
    assert.deepEqual([answer.status, answer.json.type], [502, "urn:serin:unanswered"], method);
    assert.equal(await serin.variant(), "canary");
  }
});

test("a Host that is no host is the client's error, on every path", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50 } } });
  const hosts = ["a b", "[", "%", "<>", "^", "a%2fb", "[::1", "a:b:c", "host:99999", "1.2.3.4.5"];
  const paths = ["/health", "/health?detailed=true", "/__serin/status", "/?both=name"];
  for (const host of hosts) {
    for (const path of paths) {
      const answer = await raw(serin.port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1.1 400 /, `${host} ${path}: ${answer}`);
    }
  }
  assert.deepEqual(await serin.journal(), [], "no variant has seen one");
});
