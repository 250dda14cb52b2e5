// An animated SVG of what the demo showed: one picture a second, in the viewer's light or dark colours, still where motion is not wanted.

import { writeFile } from "node:fs/promises";

const [WIDTH, LINE, LETTER, MARGIN] = [760, 20, 8.4, 20];
const COLUMNS = Math.floor((WIDTH - 2 * MARGIN) / LETTER);
const BAR = 420;
/** Time for which the last picture stays, in seconds. */
const REST = 8;
const ROWS = 11;

export class Picture {
  #frames = [];

  /** Adds a picture: a title, a sentence, and answers a second. */
  add(title, sentence, rates) {
    this.#frames.push({ title, sentence, rates });
  }

  /** Writes the file. */
  async write(file) {
    const seconds = this.#frames.length + REST;
    const frames = this.#frames.map((frame, at) => {
      const isLast = at === this.#frames.length - 1;
      const [from, to] = [at, isLast ? seconds : at + 1].map((second) => ((100 * second) / seconds).toFixed(3));
      const name = `f${at}`;
      const keys = `@keyframes ${name} { 0% { opacity: 0 } ${from}% { opacity: 1 } ${to}% { opacity: ${isLast ? 1 : 0} } 100% { opacity: ${isLast ? 1 : 0} } }`;
      return { isLast, keys, style: `.${name} { animation: ${name} ${seconds}s step-end infinite }`, group: `<g class="frame ${name}${isLast ? " last" : ""}">${draw(frame)}</g>` };
    });
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${(ROWS + 1) * LINE}" role="img" aria-label="A terminal: the canary breaks, and Serin rolls it back">
<style>
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: var(--ink) }
svg { --paper: #ffffff; --ink: #24292f; --faint: #d0d7de; --stable: #0969da; --canary: #bf8700; --errors: #cf222e }
@media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --faint: #30363d; --stable: #58a6ff; --canary: #d29922; --errors: #f85149 } }
.paper { fill: var(--paper); stroke: var(--faint) } .bold { font-weight: 600 }
.faint { fill: var(--faint) } .stable { fill: var(--stable) } .canary { fill: var(--canary) } .errors { fill: var(--errors) }
.frame { opacity: 0 }
${frames.map(({ keys, style }) => `${keys} ${style}`).join("\n")}
@media (prefers-reduced-motion: reduce) { .frame { animation: none } .last { opacity: 1 } }
</style>
<rect class="paper" x="0.5" y="0.5" width="${WIDTH - 1}" height="${(ROWS + 1) * LINE - 1}" rx="6"/>
${frames.map(({ group }) => group).join("\n")}
</svg>
`;
    await writeFile(file, svg);
  }
}

function draw({ title, sentence, rates }) {
  const y = (row) => (row + 1.2) * LINE;
  const text = (row, words, style = "") => `<text x="${MARGIN}" y="${y(row)}" class="${style}">${escape(words)}</text>`;
  const most = Math.max(rates.stable + rates.canary + rates.errors, 1);
  const bar = (row, words, kind) => {
    const [x, count] = [MARGIN + 20 * LETTER, rates[kind]];
    const rectangle = (style, width) => `<rect class="${style}" x="${x}" y="${y(row) - 12}" width="${width.toFixed(1)}" height="14"/>`;
    return [
      text(row, words),
      rectangle("faint", BAR),
      rectangle(kind, (BAR * count) / most),
      `<text x="${x + BAR + 10}" y="${y(row)}">${count}/s</text>`,
    ].join("");
  };
  const lines = wrap(sentence).slice(0, 4);
  return [
    text(0, title, "bold"),
    ...lines.map((line, at) => text(2 + at, line)),
    bar(7, "answers by stable", "stable"),
    bar(8, "answers by canary", "canary"),
    bar(9, "errors to clients", "errors"),
  ].join("");
}

function wrap(sentence) {
  const lines = [""];
  for (const word of sentence.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= COLUMNS) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function escape(words) {
  return words.replace(/&/g, "&amp;").replace(/</g, "&lt;");
}
