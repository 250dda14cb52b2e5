// WebSockets through both variants: the upgrade, messages of both kinds, and the close.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { NAVIGATION } from "./harness/client.mjs";
import { startSerin } from "./harness/workerd.mjs";

for (const variant of ["stable", "canary"]) {
  const kv = { "canary-state": { enabled: true, percentage: variant === "canary" ? 100 : 0 } };

  test(`a WebSocket reaches the ${variant}: text, bytes, sub-protocol and close code`, async (t) => {
    const serin = await startSerin(t, { kv });
    const socket = new WebSocket(`ws://127.0.0.1:${serin.port}/?both=websocket`, "serin-test");
    socket.binaryType = "arraybuffer";
    await once(socket, "open");
    assert.equal(socket.protocol, "serin-test");

    for (const text of ["hello", "", "é🐤", "x".repeat(100_000)]) {
      socket.send(text);
      const [{ data }] = await once(socket, "message");
      assert.equal(data, `${variant}: ${text}`);
    }
    const bytes = Uint8Array.from({ length: 1000 }, (_, n) => n % 256);
    socket.send(bytes);
    const [{ data }] = await once(socket, "message");
    assert.deepEqual(new Uint8Array(data), bytes);

    socket.close(4001, "enough");
    const [{ code }] = await once(socket, "close");
    assert.equal(code, 4001);
  });
}

test("an upgrade keeps its cookies but for one of Serin's name, and stays an upgrade", async (t) => {
  for (const percentage of [0, 100]) {
    const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage } } });
    const cookies = ["a=1; Path=/", `__Host-serin=${"0".repeat(32)}; Path=/; Secure`, "b=2"];
    const query = cookies.map((cookie) => `&cookie=${encodeURIComponent(cookie)}`).join("");
    for (const headers of [{}, NAVIGATION]) {
      const path = `/?both=websocket${query}`;
      const { message, socket } = await serin.client.open(path, { headers: upgrade(headers), agent: false });
      assert.equal(message.statusCode, 101);
      assert.deepEqual(message.headers["set-cookie"], ["a=1; Path=/", "b=2"]);
      // A masked text frame of one byte, and its echo.
      socket.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x78]));
      const [echo] = await once(socket, "data");
      assert.match(echo.toString("latin1"), /(stable|canary): x$/);
      socket.destroy();
    }
  }
});

test("an upgrade on a first visit stays an upgrade", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100 } } });
  const { message, socket } = await serin.client.open("/?both=websocket", { headers: upgrade(NAVIGATION), agent: false });
  assert.equal(message.statusCode, 101);
  socket.destroy();
});

test("a canary that refuses the upgrade, or fails it, gets no second request", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100 } } });
  for (const [behaviour, status] of [["status:403", 403], ["status:503", 503], ["throw", 502]]) {
    const { message } = await serin.client.open(`/?canary=${behaviour}`, { headers: upgrade({}), agent: false });
    assert.equal(message.statusCode, status);
    message.resume();
  }
  assert.deepEqual((await serin.journal()).map(({ variant }) => variant), ["canary", "canary", "canary"]);
});

function upgrade(headers) {
  return {
    ...headers,
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "c2VyaW4tdGVzdC1rZXktMQ==",
  };
}
