// `npm run faults`: every fault, every pair of them, and the soak, as a scorecard. Loopback only.
//   --only TEXT      faults with this in their names, alone and in pairs
//   --singles        no pairs
//   --requests N     per fault (150)
//   --soak N         requests of the soak (1,000,000; 0: none)
//   --write          docs/reliability.md and docs/reliability.json

import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FAULTS } from "./faults.mjs";
import { run } from "./lab.mjs";
import { isLossless, page, table } from "./scorecard.mjs";
import { soak } from "./soak.mjs";

const DOCS = join(import.meta.dirname, "..", "..", "docs");
const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    singles: { type: "boolean", default: false },
    requests: { type: "string", default: "150" },
    soak: { type: "string", default: "1000000" },
    write: { type: "boolean", default: false },
  },
});
const requests = Number(values.requests);
if (!(requests > 0)) throw new Error(`--requests: ${values.requests} is not accepted, accepted: a number above 0`);

const scenarios = FAULTS.flatMap((first, at) => [[first], ...(values.singles ? [] : FAULTS.slice(at + 1).map((second) => [first, second]))]).filter(
  (faults) => faults.some(({ name }) => name.includes(values.only)),
);
const results = Array(scenarios.length);
let next = 0;
const work = async () => {
  while (next < scenarios.length) {
    const at = next++;
    results[at] = await run(scenarios[at].map((fault) => Object.create(fault)), requests);
    if (process.stderr.isTTY) process.stderr.write(`\r${next} of ${scenarios.length} `);
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, work));
const count = Number(values.soak);
const say = ({ sent, memory, files }) => console.error(`soak: ${sent} requests, ${(memory / 2 ** 20).toFixed(0)} MiB, ${files} files`);
const scorecard = { results, soak: count > 0 ? await soak(count, say) : undefined };

console.log(table(scorecard));
if (values.write) {
  await writeFile(join(DOCS, "reliability.json"), `${JSON.stringify(scorecard, null, 1)}\n`);
  await writeFile(join(DOCS, "reliability.md"), page(scorecard));
}
process.exitCode = isLossless(scorecard) ? 0 : 1;
