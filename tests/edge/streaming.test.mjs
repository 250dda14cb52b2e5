// Streamed bodies: no body is buffered in either direction, and an end on one side is an end on the other.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { NAVIGATION } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const MEBIBYTE = 1 << 20;
const UPLOAD = 300 * MEBIBYTE;

for (const variant of ["stable", "canary"]) {
  const kv = { "canary-state": { enabled: true, percentage: variant === "canary" ? 100 : 0 } };

  test(`an endless response arrives as it is produced, and the ${variant} is notified when the client leaves`, async (t) => {
    const serin = await startSerin(t, { kv });
    const { message, outgoing } = await serin.client.open("/?both=endless");
    let received = "";
    for await (const chunk of message) {
      received += chunk;
      if (received.length > 50) break;
    }
    assert.match(received, new RegExp(`^(${variant}\n)+`));
    outgoing.destroy();
    await eventually(async () => assert.equal((await serin.journal())[0].cancelled, true));
  });

  test(`the first server-sent event of the ${variant} arrives before the last is produced`, async (t) => {
    const serin = await startSerin(t, { kv });
    // The test also runs with a cookie of Serin's, for which the response is rebuilt.
    for (const [id, headers] of Object.entries({ plain: {}, first: NAVIGATION })) {
      const { message } = await serin.client.open(`/?both=sse&id=${id}`, { headers });
      assert.match(message.headers["content-type"], /^text\/event-stream/);
      assert.equal(message.headers["set-cookie"]?.length, id === "first" ? 1 : undefined);
      const [chunk] = await once(message, "data");
      // Without this listener, events that arrive before the loop below begins would be lost.
      message.pause();
      assert.equal(String(chunk), `data: ${variant} first\n\n`);
      await serin.request(`/release/${id}`);
      let rest = "";
      for await (const chunk of message) rest += chunk;
      assert.equal(rest, `data: ${variant} last\n\n`);
    }
  });

  test(`a large upload streams to the ${variant} while it is produced`, async (t) => {
    const serin = await startSerin(t, { kv });
    const chunk = Buffer.alloc(MEBIBYTE, 7);
    let waitedForTheVariant = false;
    const { message } = await serin.client.open("/?both=count", { method: "POST" }, async (outgoing) => {
      for (let sent = 0; sent < UPLOAD; sent += chunk.length) {
        if (!outgoing.write(chunk)) await once(outgoing, "drain");
        // The upload must not be held back until it is complete: the variant receives its start before its end is produced.
        if (sent === 16 * MEBIBYTE) {
          await eventually(async () => assert.ok((await serin.journal())[0].seen > 0));
          waitedForTheVariant = true;
        }
      }
      outgoing.end();
    });
    let text = "";
    for await (const part of message) text += part;
    const summary = JSON.parse(text);
    assert.equal(summary.variant, variant);
    assert.equal(summary.length, UPLOAD);
    assert.ok(waitedForTheVariant);
    assert.equal(summary.edges, summary.pieces * 2 * 7, "the bytes are those that were sent");
    assert.ok((await serin.peakMemory()) < UPLOAD, "workerd never held the upload");
  });
}

test("an upload that the client aborts ends at the variant, and Serin continues", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100 } } });
  await assert.rejects(
    serin.client.open("/?both=count", { method: "POST", headers: { "content-length": "1000000" } }, async (outgoing) => {
      outgoing.write(Buffer.alloc(1000));
      await eventually(async () => assert.ok((await serin.journal())[0].seen > 0));
      outgoing.destroy();
    }),
  );
  assert.equal(await serin.variant(), "canary");
});

test("many long responses at once do not delay each other", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50 } } });
  const open = [];
  for (let n = 0; n < 30; n += 1) {
    open.push(await serin.client.open("/?both=endless", { agent: false, headers: { "cf-connecting-ip": `192.0.2.${n}` } }));
  }
  const firsts = await Promise.all(open.map(({ message }) => once(message, "data")));
  assert.equal(firsts.length, 30);
  for (const { outgoing } of open) outgoing.destroy();
});
