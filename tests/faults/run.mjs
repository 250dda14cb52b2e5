// `npm run faults`: every fault, every pair of them, and the soak, as a scorecard. Loopback only.
//   --only TEXT      faults with this in their names, alone and in pairs
//   --singles        no pairs
//   --mirror         what the canary does with copies of requests, while a step mirrors
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
import { SOAK, faultsPart, isLossless, soakPart, table } from "./scorecard.mjs";
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
if (values.mirror && (values.write || values.part === "soak")) throw new Error("--mirror goes with neither --write nor --part soak");
if (values.part !== "soak") scorecard.results = await allFaults();
if (values.part !== "faults" && !values.mirror) scorecard.soak = await soak(soakRequests, say);
console.log(table(scorecard));
if (values.json) await writeFile(values.json, `${JSON.stringify(scorecard, null, 1)}\n`);
if (values.write) await write();
process.exitCode = isLossless(scorecard) ? 0 : 1;

/** Runs each fault and, unless excluded, each pair. As many run at a time as there are cores, because they mostly wait. */
async function allFaults() {
  const all = values.mirror ? MIRRORED_FAULTS : FAULTS;
  const pairs = (at) => (values.singles || values.mirror ? [] : all.slice(at + 1).map((second) => [all[at], second]));
  const scenarios = all.flatMap((fault, at) => [[fault], ...pairs(at)]);
  const wanted = scenarios.filter((faults) => faults.some(({ name }) => name.includes(values.only)));
  const results = Array(wanted.length);
  let next = 0;
  const work = async () => {
    while (next < wanted.length) {
      const at = next++;
      results[at] = await run(wanted[at].map((fault) => Object.create(fault)), requests, { mirrors: values.mirror });
      if (next % 50 === 0) console.error(`${next} of ${wanted.length} faults and pairs`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
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
}
