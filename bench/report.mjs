// The results as a table in the terminal.

import { FLOOR } from "./lineup.mjs";

/** Width of the title column. */
const WIDTH = 48;

export function report({ machine, sockets, driver, startUp, size, memory, error }) {
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB · ${machine.system} · workerd ${machine.workerd} · Node ${machine.node} · ${machine.date}`,
    machine.clock === "cpu" ? "" : "This system does not tell a process's CPU time: figures are elapsed time, and coarse.",
    `${"".padEnd(WIDTH)}${head("over HTTP", 60)}  ${head("in process", 26)}`,
    row("", "CPU µs", "ratio", "processes", "quartiles", "p50 µs", "p99 µs", "+ µs", "processes"),
    ...sockets.map((line, at) => contestant(line, driver[at])),
    `Ratios are to the ${FLOOR}, medians of all rounds; "processes" is from the lowest to the highest median of one process.`,
    `The floor against itself is off by up to ${(error.sockets * 100).toFixed(1)} % over HTTP and ${(error.driver * 100).toFixed(1)} % in process.`,
    "",
    startUp.length > 0 ? "first answer of a new process" : "",
    ...startUp.map(({ title, millis, cpuMillis }) => `  ${title.padEnd(WIDTH - 2)}${ms(millis.median)}  (quartiles ${ms(millis.q1)} to ${ms(millis.q3)}), ${ms(cpuMillis.median)} of CPU; ${millis.samples} runs`),
    "",
    ...Object.entries(size).map(([file, { raw, gzip }]) => `${file.padEnd(WIDTH)}${kib(raw)}, ${kib(gzip)} gzipped`),
    ...memory.flatMap(({ title, isolates, requests, afterWarmUp, checkpoints }) => [
      "",
      `memory of ${title}, ${isolates} isolates (stable, canary, observed on both): ${mib(afterWarmUp)} after warm-up, then over ${requests.toLocaleString("en")} requests, one in 100 aborted:`,
      `  ${checkpoints.map(mib).join(" → ")}`,
    ]),
  ];
  return lines.filter((line, at) => line !== "" || lines[at - 1] !== "").join("\n");
}

function contestant({ title, micros, ratio, latency }, { over }) {
  const apart = ratio
    ? [f2(ratio.median), `${f2(ratio.low)}-${f2(ratio.high)}`, `${f2(ratio.q1)}-${f2(ratio.q3)}`]
    : ["1.00", "", ""];
  const inside = over ? [over.median.toFixed(1), `${over.low.toFixed(1)} to ${over.high.toFixed(1)}`] : ["0.0", ""];
  return row(title, micros.median.toFixed(1), ...apart, latency.p50.toFixed(0), latency.p99.toFixed(0), ...inside);
}

function row(title, ...cells) {
  const widths = [8, 7, 12, 12, 8, 9, 8, 20];
  return title.padEnd(WIDTH) + cells.map((cell, at) => cell.padStart(widths[at])).join("");
}

function head(text, width) {
  return `── ${text} `.padEnd(width - 5, "─");
}

const f2 = (number) => number.toFixed(2);
const ms = (millis) => `${millis.toFixed(1)} ms`;
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
const mib = (bytes) => (bytes === undefined ? "unknown" : `${(bytes / 1024 ** 2).toFixed(0)} MiB`);
