// The results of the lab, as tables.

import { FAULTS } from "./faults.mjs";
import { DEADLINE } from "./lab.mjs";

const PLACES = [...new Set(FAULTS.map(({ place }) => place))];
const placeOf = Object.fromEntries(FAULTS.map(({ name, place }) => [name, place]));
const number = (value) => value.toLocaleString("en");
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** Whether no request was lost except by stable. */
export function isLossless({ results = [], mirrored = [], soak }) {
  return [...results, ...mirrored, ...(soak ? [soak] : [])].every(({ lost, twice, repeated }) => lost + twice + repeated === 0);
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

function mirroredTable(mirrored) {
  const rows = mirrored.map(({ faults, sent, answered, lost, copies, median, without }) => [
    faults[0] ?? "no fault", ...[sent, answered, lost, copies.copies, copies.busy, copies.withheld].map(number), `${median.toFixed(1)} ms`, `${without.median.toFixed(1)} ms`,
  ]);
  return lines(["fault", "requests", "answered", "lost", "copies", "busy", "withheld", "median answer", "without copies"], rows);
}

function soakTable({ checkpoints }) {
  return lines(["requests", "memory", "open files"], checkpoints.map(({ sent, memory, files }) => [number(sent), mib(memory), files]));
}

function soaked({ turns, sent, answered, owned, lost, twice, repeated, health }) {
  const fates = `${number(answered)} answered, ${number(owned)} a variant's own failures, ${number(lost)} lost, ${number(twice)} given another's answer, ${number(repeated)} writes that came twice`;
  return `${number(sent)} requests in ${turns} turns: ${fates}; \`/health\` afterwards: ${health}.`;
}

/** Tables for the terminal. */
export function table({ results = [], mirrored, soak }) {
  const examples = [...results, ...(mirrored ?? []), ...(soak ? [soak] : [])].flatMap(({ examples }) => examples);
  const parts = [results.length > 0 && singles(results), pairs(results), mirrored && mirroredTable(mirrored), ...(soak ? [soaked(soak), soakTable(soak)] : []), examples.join("\n")];
  return parts.filter(Boolean).join("\n\n");
}

// === docs/reliability.md ===

export const SOAK = "Soak";
export const MIRRORED = "Mirrored traffic";

/** The page from its title to the heading of the soak test. */
export function faultsPart(results) {
  const sum = (field) => results.reduce((total, one) => total + one[field], 0);
  const both = results.filter(({ faults }) => faults.length === 2).length;
  return `# Reliability

What Serin costs visitors when something fails, measured. Commands write every figure on this page; none is typed by hand.

| command, with \`-- --write\` | measures |
| --- | --- |
| \`npm run faults\` | Every fault and every pair of faults under load, and a soak test. |
| \`npm run faults -- --mirror\` | What a canary that gets copies of requests costs the visitors, whatever it does with them. |
| \`npm run load\` | What Serin adds to p50, p95 and p99 at a fixed rate in an open loop, and the highest rate. |
| \`npm run rollbacks\` | The time from a bad canary's first response to its last, over 200 rollouts. |
| \`npm run upgrade\` | Isolates of one version with Durable Objects of another, and data stored by either version. |
| \`npm run flakes\` | Tests that fail only sometimes, by running the suite in a loop. |

The fault tests are in [tests/faults](../tests/faults). The built Worker runs in workerd, with real Durable Objects. A rollout gives the canary half of
the visitors, and the canary's deadline is ${DEADLINE} ms. Eight clients send requests without a pause: known visitors, first visits, HEAD, and one write
in ten. Each fault begins, stays for a while, and ends. Clients that pause do so for longer than the deadline. The tests of isolates warmed by 30,000
requests are in [tests/edge](../tests/edge); the soak test below uses one isolate from its first request to its last.

| column | counts |
| --- | --- |
| answered | Complete and correct responses, from either variant. |
| the variant's own | Failures that Serin cannot hide: stable's, a write that the canary failed, a body that broke off after its head. |
| lost | All other requests. The target is 0. |

## One fault

${singles(results)}

## Two faults

${both} pairs: at the same time if they are in different places, one right after the other if in the same place. With the single faults
above these are ${number(sum("sent"))} requests. Lost: ${number(sum("lost"))}. Given another request's answer: ${number(sum("twice"))}. Writes that reached a variant twice: ${number(sum("repeated"))}.

${pairs(results)}

`;
}

/** The section about the soak test, without its heading. */
export function soakPart(soak) {
  return `In each turn one fault or a pair of faults, chosen at random, is active. As many requests without a fault follow. An operator changes the
percentage and the switches meanwhile. Requests whose clients leave early are not counted. The tables above cover faults that make clients wait.

${soaked(soak)}

A canary that fails again within ten seconds of a failure of both variants can lose requests: the breaker compares it with stable's failures
and stays closed, and the retry budget covers the first ten.

${soakTable(soak)}
`;
}

/** The section about copies of requests, without its heading. */
export function mirroredPart(mirrored) {
  return `\`npm run faults -- --mirror --write\` sends the requests of the tables above while a step [mirrors](mirroring.md) a tenth of those that can be copied,
and once more without a canary. No visitor is on the canary, so a fault of it must cost nobody anything. Serin did not copy *busy* requests,
because too many copies were under way, and *withheld* ones, because the breaker was open. Each client pauses between two requests. The clients, Serin and
both variants share the machine's cores. The [end-to-end tests](../tests/edge/faults.test.mjs) copy every request under the same faults.

${mirroredTable(mirrored)}
`;
}
