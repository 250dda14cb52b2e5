// The results as an SVG picture, with colours that follow the reader's light or dark theme.

const ROW = 30;
const LEFT = 275;
const WIDTH = 860;
const TOP = 64;
const PLOT = WIDTH - LEFT - 70;

const STYLE = `
  text { font: 14px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .faint { fill: #59636e; font-size: 12px; }
  .value { font-variant-numeric: tabular-nums; }
  .axis { stroke: #d1d9e0; }
  .floor { stroke: #1f2328; stroke-dasharray: 4 3; }
  .range { stroke: #1f2328; stroke-width: 1.5; }
  .reference { fill: #9ba4ae; }
  .javascript { fill: #e0a008; }
  .serin { fill: #2f81c9; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .faint { fill: #9198a1; }
    .axis { stroke: #3d444d; }
    .floor, .range { stroke: #e6edf3; }
    .reference { fill: #656d76; }
    .javascript { fill: #d29922; }
    .serin { fill: #4493e0; }
  }`;

export function picture({ machine, sockets }) {
  const widest = Math.max(...sockets.map(({ ratio }) => ratio?.q3 ?? 1));
  const step = widest > 2.5 ? 0.5 : 0.25;
  const end = Math.ceil(widest / step) * step;
  const x = (ratio) => LEFT + (ratio / end) * PLOT;
  const bottom = TOP + sockets.length * ROW;
  const height = bottom + 62;
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, at) => at * step);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="CPU time per request as a ratio to a one-line pass-through">
<style>${STYLE}
</style>
<text x="16" y="26" class="title">CPU time per request, as a ratio to a one-line pass-through</text>
<text x="16" y="46" class="faint">less is better; the thin line spans the quartiles of ${sockets[0].micros.samples} interleaved rounds</text>
${ticks.map((tick) => `<line class="axis" x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${TOP}" y2="${bottom}"/><text class="faint" text-anchor="middle" x="${at(x(tick))}" y="${bottom + 18}">${tick.toFixed(2)}</text>`).join("\n")}
${sockets.map((line, index) => bar(line, TOP + index * ROW, x)).join("\n")}
<line class="floor" x1="${at(x(1))}" x2="${at(x(1))}" y1="${TOP}" y2="${bottom}"/>
<text x="16" y="${height - 14}" class="faint">${escaped(`${machine.cpu}, ${machine.cores} cores · workerd ${machine.workerd} · ${machine.date}`)}</text>
</svg>
`;
}

function bar({ title, group, ratio }, top, x) {
  const { median, q1, q3 } = ratio ?? { median: 1 };
  const middle = top + ROW / 2;
  const range = ratio ? `<line class="range" x1="${at(x(q1))}" x2="${at(x(q3))}" y1="${middle}" y2="${middle}"/>` : "";
  return `<text x="${LEFT - 12}" y="${middle + 5}" text-anchor="end">${escaped(title)}</text><rect class="${group}" x="${LEFT}" y="${top + 5}" width="${at(x(median) - LEFT)}" height="${ROW - 10}" rx="2"/>${range}<text class="value" x="${at(Math.max(x(median), x(q3 ?? 1)) + 8)}" y="${middle + 5}">${median.toFixed(2)}</text>`;
}

function at(pixels) {
  return pixels.toFixed(1);
}

function escaped(text) {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
