// The table "Ways to stop" of docs/cli.md: what each command does to the canary's visitors, and how it is undone.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test, { before } from "node:test";
import { visitorCookie } from "./harness/client.mjs";
import { buildProgram, serinFor } from "./harness/command-line.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const PLAN = { id: "r1", schedule: "custom", steps: [50, 100], hold: "1h", settle: "1m" };
const SERVED = { canary: [200, "canary"], stable: [200, "stable"], unavailable: [503, undefined] };

/** What a visitor of the canary gets then, for a GET and for a POST. */
const EFFECTS = {
  "serin pause": ["canary", "canary"],
  "serin halt": ["stable", "stable"],
  "serin abort": ["stable", "stable"],
  // Needs an account: canary-commands.test.mjs runs it.
  "serin canary rollback": undefined,
  "serin switch disable_canary on --why TEXT": ["stable", "stable"],
  "serin switch disable_writes on --why TEXT": ["canary", "unavailable"],
  "serin switch maintenance on --why TEXT": ["unavailable", "unavailable"],
};

const page = await readFile(join(import.meta.dirname, "..", "..", "docs", "cli.md"), "utf8");
const [, section] = /\n## Ways to stop\n([^]*?)\n## /.exec(page);
const rows = section.split("\n").filter((line) => line.startsWith("| `"));
const commands = (cell) => [...cell.matchAll(/`(serin [^`]+)`/g)].map(([, text]) => text);
const WAYS = rows.map((row) => {
  const cells = row.split(" | ");
  return { way: commands(cells[0])[0], undo: commands(cells.at(-1)) };
});

let program;

before(() => {
  program = buildProgram();
});

test("the table has every way that is tested here, and no other", () => {
  assert.deepEqual(WAYS.map(({ way }) => way), Object.keys(EFFECTS));
});

for (const { way, undo } of WAYS.filter(({ way }) => EFFECTS[way])) {
  test(`${way} does to the canary's visitors what its row says, and is undone as it says`, async (t) => {
    const splitter = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 0 } } });
    const serin = serinFor(program, splitter);
    const run = async (line) => {
      const { code, stderr } = await serin(line.split(" ").slice(1));
      assert.equal(code, 0, `${line}: ${stderr}`);
    };
    const gets = async (visitor, method) => {
      const options = { method, headers: visitorCookie(visitor), ...(method === "POST" && { body: "x" }) };
      const { status, text } = await splitter.request("/?both=name", options);
      return [status, status === 200 ? text.split(" ")[0] : undefined];
    };
    assert.equal((await splitter.api("POST", "rollouts", PLAN)).status, 200);
    // The salt is fixed, so one of these visitors is on the canary at 50 %.
    const visitor = await eventually(async () => {
      for (let visitor = 0; visitor < 20; visitor += 1) if ((await gets(visitor, "GET"))[1] === "canary") return visitor;
      throw new Error("no visitor is on the canary yet");
    });
    const serves = (effects) =>
      eventually(async () => {
        const served = [await gets(visitor, "GET"), await gets(visitor, "POST")];
        assert.deepEqual(served, effects.map((effect) => SERVED[effect]));
      });
    await serves(["canary", "canary"]);
    await run(way);
    await serves(EFFECTS[way]);
    await run(way);
    if (way === "serin abort") {
      assert.equal((await splitter.api("POST", "rollouts", PLAN)).status, 409, "for good");
      return;
    }
    for (const line of undo) await run(line);
    await serves(["canary", "canary"]);
    assert.equal((await splitter.status()).rollout.phase, "progressing");
  });
}
