// `npm run faults`: every fault, every pair of them, and the soak, as a scorecard. Loopback only.
//   --only TEXT      faults with this in their names, alone and in pairs
//   --singles        no pairs
//   --mirror         what the canary does with copies of requests while a step mirrors, and the same without a canary
//   --requests N     per fault (150)
//   --soak N         requests of the soak after a warm-up of 50,000 (1,000,000); an interrupt ends it early, with its figures
//   --part PART      only `faults` or `soak`
//   --write          docs/reliability.md; a part that is not run stays as it was
//   --json FILE      all results as JSON

import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FAULTS, MIRRORED_FAULTS } from "./faults.mjs";
import { run } from "./lab.mjs";
import { writeSection } from "../reliability/page.mjs";
import { MIRRORED, SOAK, faultsPart, isLossless, mirroredPart, soakPart, table } from "./scorecard.mjs";
import { soak } from "./soak.mjs";

const PAGE = join(import.meta.dirname, "..", "..", "docs", "reliability.md");
const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    singles: { type: "boolean", default: false },
    mirror: { type: "boolean", default: false },
    requests: { type: "string", default: "150" },
    soak: { type: "string", default: "1000000" },
    part: { type: "string" },
    write: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const PARTS = ["faults", "soak"];
if (values.part && !PARTS.includes(values.part)) throw new Error(`--part: ${values.part} is not accepted, accepted: ${PARTS.join(", ")}`);
const [requests, soakRequests] = ["requests", "soak"].map((name) => {
  if (Number(values[name]) > 0) return Number(values[name]);
  throw new Error(`--${name}: ${values[name]} is not accepted, accepted: a number above 0`);
});

const scorecard = {};
if (values.mirror && values.part) throw new Error("--mirror goes without --part");
if (values.mirror) scorecard.mirrored = await mirroredFaults();
else if (values.part !== "soak") scorecard.results = await allFaults();
if (values.part !== "faults" && !values.mirror) scorecard.soak = await soak(soakRequests, say);
console.log(table(scorecard));
if (values.json) await writeFile(values.json, `${JSON.stringify(scorecard, null, 1)}\n`);
if (values.write) await write();
process.exitCode = isLossless(scorecard) ? 0 : 1;

/** Runs each fault and, unless excluded, each pair. */
async function allFaults() {
  const pairs = (at) => (values.singles ? [] : FAULTS.slice(at + 1).map((second) => [FAULTS[at], second]));
  const scenarios = FAULTS.flatMap((fault, at) => [[fault], ...pairs(at)]);
  // As many at a time as there are cores, because they mostly wait.
  return eachOf(scenarios, availableParallelism(), (faults) => run(faults, requests));
}

/** Runs no fault, and then each fault of copies. The same requests without a canary show what copies cost those who wait for stable. */
async function mirroredFaults() {
  const scenarios = [[], ...MIRRORED_FAULTS.map((fault) => [fault])];
  // One after the other, because times are compared.
  return eachOf(scenarios, 1, async (faults) => ({
    ...(await run(faults, requests, { gets: "some copies", isPaced: true })),
    without: await run(faults, requests, { gets: "nothing", isPaced: true }),
  }));
}

/** Runs the scenarios that `--only` selects, so many at a time. */
async function eachOf(scenarios, parallel, runOne) {
  const wanted = scenarios.filter((faults) => values.only === "" || faults.some(({ name }) => name.includes(values.only)));
  const results = Array(wanted.length);
  let next = 0;
  const work = async () => {
    while (next < wanted.length) {
      const at = next++;
      results[at] = await runOne(wanted[at].map((fault) => Object.create(fault)));
      if (next % 50 === 0) console.error(`${next} of ${wanted.length} scenarios`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return results;
}

function say({ sent, memory, files }) {
  console.error(`soak: ${sent} requests, ${(memory / 2 ** 20).toFixed(0)} MiB, ${files} files`);
}

/** The part about faults is the page up to the section about the soak test. Other commands write the sections after it. */
async function write() {
  const page = await readFile(PAGE, "utf8");
  if (scorecard.results) await writeFile(PAGE, faultsPart(scorecard.results) + page.slice(page.indexOf(`## ${SOAK}\n`)));
  if (scorecard.soak) await writeSection(SOAK, soakPart(scorecard.soak));
  if (scorecard.mirrored) await writeSection(MIRRORED, mirroredPart(scorecard.mirrored));
}
