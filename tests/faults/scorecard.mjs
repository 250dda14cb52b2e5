// The results of the lab, as tables.

import { FAULTS } from "./faults.mjs";
import { DEADLINE } from "./lab.mjs";

const PLACES = [...new Set(FAULTS.map(({ place }) => place))];
const placeOf = Object.fromEntries(FAULTS.map(({ name, place }) => [name, place]));
const number = (value) => value.toLocaleString("en");
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** Whether no request was lost except by stable. */
export function isLossless({ results = [], soak }) {
  return [...results, ...(soak ? [soak] : [])].every(({ lost, twice, repeated }) => lost + twice + repeated === 0);
}

function lines(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

const cells = ({ sent, answered, owned, lost, worst }) => [...[sent, answered, owned, lost].map(number), `${worst} ms`];
/** Columns of every row. */
const HEAD = ["requests", "answered", "the variant's own", "lost", "slowest answer"];

function singles(results) {
  return lines(["fault", ...HEAD], results.filter(({ faults }) => faults.length === 1).map((one) => [one.faults[0], ...cells(one)]));
}

/** Pairs, summed by the places of their faults. */
function pairs(results) {
  const rows = PLACES.flatMap((first, at) =>
    PLACES.slice(at).flatMap((second) => {
      const places = [first, second].join();
      const these = results.filter(({ faults }) => faults.length === 2 && faults.map((name) => placeOf[name]).join() === places);
      if (these.length === 0) return [];
      const sum = (field) => these.reduce((total, one) => total + one[field], 0);
      const worst = Math.max(...these.map((one) => one.worst));
      const total = { sent: sum("sent"), answered: sum("answered"), owned: sum("owned"), lost: sum("lost"), worst };
      return [[`${first} and ${second}`, these.length, ...cells(total)]];
    }),
  );
  return rows.length > 0 ? lines(["faults in", "pairs", ...HEAD], rows) : "";
}

function soakTable({ checkpoints }) {
  return lines(["requests", "memory", "open files"], checkpoints.map(({ sent, memory, files }) => [number(sent), mib(memory), files]));
}

function soaked({ turns, sent, answered, owned, lost, twice, repeated, health }) {
  const fates = `${number(answered)} answered, ${number(owned)} a variant's own failures, ${number(lost)} lost, ${number(twice)} given another's answer, ${number(repeated)} writes that came twice`;
  return `${number(sent)} requests in ${turns} turns: ${fates}; \`/health\` afterwards: ${health}.`;
}

/** Tables for the terminal. */
export function table({ results = [], soak }) {
  const examples = results.flatMap(({ faults, examples }) => examples.map((example) => `${faults.join(" + ")}: ${example}`));
  const parts = [results.length > 0 && singles(results), pairs(results), ...(soak ? [soaked(soak), soakTable(soak)] : []), examples.join("\n")];
  return parts.filter(Boolean).join("\n\n");
}

// === docs/reliability.md ===

export const SOAK = "Soak";

/** The page from its title to the heading of the soak test. */
export function faultsPart(results) {
  const sum = (field) => results.reduce((total, one) => total + one[field], 0);
  const both = results.filter(({ faults }) => faults.length === 2).length;
  return `# Reliability

Every figure on this page is measured and written by a command; nothing is typed by hand.

| command, with \`-- --write\` | measures |
| --- | --- |
| \`npm run faults\` | every fault and every pair of faults under load; a soak test |
| \`npm run load\` | what Serin adds to p50, p95 and p99 at a fixed rate, in an open loop, and the highest rate |
| \`npm run rollbacks\` | the time from a bad canary's first answer to its last, over 200 rollouts |
| \`npm run upgrade\` | isolates of one version with the objects of another, and stored data both ways |
| \`npm run flakes\` | tests that fail only sometimes: the suite in a loop |

For the faults ([the lab](../tests/faults)) the built Worker runs in workerd, with real Durable Objects and a rollout that gives the canary half of the
visitors. Eight clients send requests without a pause: known visitors, first visits, HEAD, and one write in ten. A fault begins, stays for
a while, and ends. The canary's deadline is ${DEADLINE} ms.

| column | counts |
| --- | --- |
| answered | whole and right answers, by either variant |
| the variant's own | failures that Serin cannot take back: stable's, a write that the canary failed, the rest of a body that broke after its head |
| lost | everything else; the target is 0 |

## One fault

${singles(results)}

## Two faults

${both} pairs: at the same time if they are in different places, one right after the other if in the same place. With the single faults
above these are ${number(sum("sent"))} requests. ${number(sum("lost"))} were lost, ${number(sum("twice"))} got another request's answer, and ${number(sum("repeated"))} writes reached a variant twice.

${pairs(results)}

`;
}

/** The section about the soak test, without its heading. */
export function soakPart(soak) {
  return `Faults and pairs of faults take turns. As many requests without a fault follow each turn, and an operator flips the percentage and the
switches meanwhile. Clients that leave in the middle are not counted. Faults that make clients wait are in the tables above.

${soaked(soak)}

${soakTable(soak)}
`;
}
