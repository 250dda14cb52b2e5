// A trap of the Wasm leaves its instance unusable. Stable answers what may be sent twice, and the next request gets a
// fresh instance.

import assert from "node:assert/strict";
import test from "node:test";
import { startSerin } from "./harness/workerd.mjs";

/** The door with a trap in it: for one path, Rust is handed strings that lie outside its memory. */
function withTrap(source) {
  const door = "const answer = fetch(request, env";
  assert.equal(source.split(door).length, 2, `build/index.js has one \`${door}\``);
  const outside = "wasm.fetch(1, 2, 0xfffffff0, 100000, 0xfffffff0, 7, 0, 0)";
  return source.replace(door, `if (request.url.includes("/trap")) ${outside};\n${door}`);
}

test("a trap costs a reader nothing, a writer one request, and the next one is served as before", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100 } }, edit: withTrap });
  assert.equal(await serin.variant(), "canary");

  const read = await serin.request("/trap?both=name");
  assert.equal(read.status, 200);
  assert.match(read.text, /^stable/);
  assert.equal(await serin.variant(), "canary");

  const written = await serin.request("/trap?both=name", { method: "POST", body: "x" });
  assert.equal(written.status, 500);
  assert.equal(await serin.variant(), "canary");
  assert.equal(serin.output.filter((line) => line.includes('"event":"panic"')).length, 2);
});
