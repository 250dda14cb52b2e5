// The targets, and whether the results meet them. Each path of Serin is compared with the hand-written splitter with the same features.

import { SPLITTER } from "./lineup.mjs";

/** A contestant, its twin, and the highest ratio to the pass-through. */
const RATIOS = [
  { title: "Serin: steady visitor", twin: SPLITTER, limit: 1.12, isBounded: true },
  { title: "Serin: canary off, no policy", limit: 1.08 },
  { title: "Serin: canary off, 0 %", limit: 1.08 },
  { title: "Serin: rollout, on stable", twin: "JavaScript: observed, on stable", limit: 1.2 },
  { title: "Serin: canary, fallback armed", twin: "JavaScript: canary, fallback armed", limit: 1.35 },
  { title: "Serin: rollout, on the canary", twin: "JavaScript: observed, on the canary" },
  { title: "Serin: first visit", limit: 1.4 },
];
const MOST_KIB = 400;
/** Longest accepted delay of the first response, compared with the hand-written splitter, in ms. */
const MOST_LATER = 20;
/** Accepted memory growth after the engine has settled, which is after the first fifth of the requests. */
const MOST_GROWTH = 0.05;

/** A Markdown table. */
export function targets({ sockets, startUp, size, memory }) {
  const rows = [...RATIOS.map((wanted) => ratio(wanted, sockets)), sizeOf(size), start(startUp), growth(memory)].filter(Boolean);
  return ["| | Serin | JavaScript | target | met |", "| --- | ---: | ---: | --- | --- |", ...rows.map((cells) => `| ${cells.join(" | ")} |`)].join("\n");
}

function ratio({ title, twin, limit, isBounded }, sockets) {
  const of = (wanted) => sockets.find((line) => line.title === wanted)?.ratio.median;
  const [mine, other] = [of(title), twin && of(twin)];
  const met = limit === undefined ? "" : yes(Number(f2(mine)) <= limit && !(isBounded && Number(f2(mine)) > Number(f2(other))));
  const target = limit === undefined ? "" : `at most ${f2(limit)}${isBounded ? ", and no slower than JavaScript" : ""}`;
  return [title.replace("Serin: ", ""), f2(mine), other === undefined ? "" : f2(other), target, met];
}

function sizeOf(size) {
  const kib = Object.values(size).reduce((sum, { gzip }) => sum + gzip, 0) / 1024;
  const modules = Object.keys(size).filter((file) => file.endsWith(".wasm")).length;
  return ["size, gzipped", `${kib.toFixed(0)} KiB`, "", `below ${MOST_KIB} KiB, one Wasm module`, yes(kib < MOST_KIB && modules === 1)];
}

function start(startUp) {
  const of = (wanted) => startUp.find(({ title }) => title === wanted)?.millis.median;
  const [mine, other] = [of("Serin: steady visitor"), of(SPLITTER)];
  if (mine === undefined) return undefined;
  return ["first answer of a new process", ms(mine), ms(other), `at most ${MOST_LATER} ms after JavaScript's`, yes(mine - other <= MOST_LATER)];
}

function growth(memory) {
  const [mine, other] = ["Serin", "JavaScript"].map((title) => {
    const checkpoints = memory.find((row) => row.title === title)?.checkpoints ?? [];
    return checkpoints.length < 2 ? undefined : checkpoints.at(-1) / checkpoints[1] - 1;
  });
  if (mine === undefined || other === undefined) return undefined;
  return ["memory, growth after the first fifth", percent(mine), percent(other), `at most ${percent(MOST_GROWTH)}`, yes(mine <= MOST_GROWTH)];
}

const yes = (isMet) => (isMet ? "yes" : "no");
const f2 = (number) => number.toFixed(2);
const ms = (millis) => `${millis.toFixed(1)} ms`;
const percent = (share) => `${(share * 100).toFixed(1)} %`;
