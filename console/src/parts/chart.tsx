// A line chart of both variants over time: SVG, so that it follows the theme and is read by machines. The canary's line is solid and
// stable's dashed. Pointer and arrow keys read a point.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { clock, zone } from "../format";

export interface Mark { at: number; word: string; tone?: string }

interface Props {
  title: string;
  /** Times of the points, in ms since the Unix epoch, ascending. */
  times: number[];
  /** Length of a point, in ms: a longer gap breaks the lines. */
  step: number;
  canary: (number | null)[];
  stable?: (number | null)[];
  format: (value: number) => string;
  limit?: { value: number; word: string };
  boundaries?: Mark[];
  looks?: Mark[];
  /** Draws the canary's line as an area of a fixed scale. */
  area?: number;
  empty: string;
}

const HEIGHT = 192;
const PAD = { top: 18, right: 8, bottom: 30, left: 52 };

export function Chart({ title, times, step, canary, stable, format, limit, boundaries = [], looks = [], area, empty }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  const [at, setAt] = useState<number>();
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(240, entry.contentRect.width)));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);

  const values = [...canary, ...(stable ?? [])].filter((value) => value !== null);
  if (values.length === 0) {
    return (
      <figure class="chart" ref={frame} aria-label={title}>
        <h3>{title}</h3>
        <div class="none">{empty}</div>
        <Legend hasStable={!!stable} limit={limit?.word} />
        <p class="reading" />
      </figure>
    );
  }
  const highest = Math.max(...values);
  // The limit is drawn where it is near enough to matter.
  const shown = limit && highest > limit.value / 3 ? limit : undefined;
  const top = area ?? niceTop(Math.max(highest, shown?.value ?? 0) * 1.08 || 1);
  const first = times[0] ?? 0;
  const last = Math.max((times.at(-1) ?? 0) + step, first + 5 * step);
  const x = (time: number) => PAD.left + ((time - first) / (last - first)) * (width - PAD.left - PAD.right);
  const y = (value: number) => PAD.top + (1 - Math.min(value, top) / top) * (HEIGHT - PAD.top - PAD.bottom);
  const middle = (index: number) => x((times[index] ?? 0) + step / 2);
  const ticks = width < 420 ? 3 : 5;
  const index = at === undefined ? undefined : Math.min(at, times.length - 1);
  const nearest = (clientX: number) => {
    const wanted = clientX - (frame.current?.getBoundingClientRect().left ?? 0);
    return times.reduce((best, _, index) => (Math.abs(middle(index) - wanted) < Math.abs(middle(best) - wanted) ? index : best), 0);
  };
  const shownLooks = looks.filter(({ at }) => at >= first && at <= last);
  // The point's last analysis, with its sentence.
  const look = index === undefined ? undefined : shownLooks.filter(({ at }) => at >= (times[index] ?? 0) && at < (times[index] ?? 0) + step).sort((one, other) => other.at - one.at)[0];
  const keys = (event: KeyboardEvent) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -times.length, End: times.length }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    setAt(Math.max(0, Math.min(times.length - 1, (index ?? times.length - 1) + move)));
  };

  const lines = (values: (number | null)[], name: string) => (
    <>
      <path class={`line ${name}`} d={path(values, middle, y, times, step)} />
      <Last values={values} name={name} x={middle} y={y} />
      {values.map((value, index) => value !== null && isAlone(values, index) && <circle key={index} class={`dot ${name}`} cx={middle(index)} cy={y(value)} r="4" />)}
    </>
  );

  return (
    <figure class="chart" ref={frame}>
      <h3>{title}</h3>
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="img"
        tabIndex={0}
        aria-label={`${title}. ${summary(canary, stable, format)} Arrow keys read single points.`}
        onPointerMove={(event) => setAt(nearest(event.clientX))}
        onPointerLeave={() => setAt(undefined)}
        onBlur={() => setAt(undefined)}
        onKeyDown={keys}
      >
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line class="grid" x1={PAD.left} x2={width - PAD.right} y1={y(top * part)} y2={y(top * part)} />
            <text class="axis" x={PAD.left - 8} y={y(top * part) + 4} text-anchor="end">{format(top * part)}</text>
          </g>
        ))}
        {Array.from({ length: ticks }, (_, tick) => {
          const time = first + ((last - first) * tick) / (ticks - 1);
          const anchor = tick === 0 ? "start" : tick === ticks - 1 ? "end" : "middle";
          return <text key={tick} class="axis" x={x(time)} y={HEIGHT - 4} text-anchor={anchor}>{clock(time)}{tick === ticks - 1 ? ` ${zone()}` : ""}</text>;
        })}
        {boundaries.filter(({ at }) => at >= first && at <= last).map(({ at, word }, index, all) => (
          <g key={at}>
            <line class="boundary" x1={x(at)} x2={x(at)} y1={PAD.top - 6} y2={HEIGHT - PAD.bottom} />
            {(index === 0 || x(at) - x(all[index - 1]?.at ?? 0) > 36) && <text class="boundary-word" x={x(at) + 3} y={PAD.top - 7}>{word}</text>}
          </g>
        ))}
        {shown && (
          <g>
            <line class="limit" x1={PAD.left} x2={width - PAD.right} y1={y(shown.value)} y2={y(shown.value)} />
            <text class="limit-word" x={width - PAD.right} y={y(shown.value) - 4} text-anchor="end">{shown.word}</text>
          </g>
        )}
        {area !== undefined && <path class="area" d={filled(canary, times, step, x, y)} />}
        {stable && lines(stable, "stable")}
        {lines(canary, "canary")}
        {shownLooks.map((mark) => (
          <g key={mark.at} class={`look ${mark.tone ?? ""} ${mark === look ? "is-read" : ""}`}>
            <rect class="target" x={x(mark.at) - 6} y={HEIGHT - PAD.bottom} width="12" height="16"><title>{mark.word}</title></rect>
            <rect x={x(mark.at) - 1.5} y={HEIGHT - PAD.bottom + 3} width="3" height="9" rx="1.500" />
          </g>
        ))}
        {index !== undefined && <line class="cursor" x1={middle(index)} x2={middle(index)} y1={PAD.top} y2={HEIGHT - PAD.bottom} />}
      </svg>
      <Legend hasStable={!!stable} limit={shown?.word} looks={shownLooks.length > 0} />
      <p class="reading" aria-live="polite">
        {index !== undefined && reading(times[index] ?? 0, canary[index], stable?.[index], format, !!stable)}
        {look && <span>{look.word}</span>}
        {index === undefined && <span aria-hidden="true">Point at the curves, or use the arrow keys, to read a minute.</span>}
      </p>
    </figure>
  );
}

/** The newest point, which the eye looks for first. */
function Last({ values, name, x, y }: { values: (number | null)[]; name: string; x: (index: number) => number; y: (value: number) => number }) {
  const index = values.findLastIndex((value) => value !== null);
  const value = values[index];
  return value == null ? null : <circle class={`dot ${name}`} cx={x(index)} cy={y(value)} r="4.500" />;
}

function Legend({ hasStable, limit, looks }: { hasStable: boolean; limit?: string; looks?: boolean }): ComponentChildren {
  return (
    <div class="legend" aria-hidden="true">
      <span><i class="swatch" />canary</span>
      {hasStable && <span><i class="swatch stable" />stable, control group</span>}
      {limit && <span><i class="swatch limit" />ceiling</span>}
      {looks && <span><i class="swatch look" />analysis</span>}
    </div>
  );
}

function reading(time: number, canary: number | null | undefined, stable: number | null | undefined, format: (value: number) => string, hasStable: boolean) {
  const shown = (value: number | null | undefined) => (value == null ? "no requests" : format(value));
  return <>{clock(time)} {zone()}: canary <b>{shown(canary)}</b>{hasStable && <>, stable <b>{shown(stable)}</b></>}</>;
}

function summary(canary: (number | null)[], stable: (number | null)[] | undefined, format: (value: number) => string): string {
  const last = (values: (number | null)[]) => values.findLast((value) => value !== null);
  const [of, against] = [last(canary), stable && last(stable)];
  return `Last: canary ${of == null ? "no requests" : format(of)}${against == null ? "" : `, stable ${format(against)}`}.`;
}

const isAlone = (values: (number | null)[], index: number) => (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;

function path(values: (number | null)[], x: (index: number) => number, y: (value: number) => number, times: number[], step: number): string {
  let pen = "M";
  return values.map((value, index) => {
    const isGap = index > 0 && (times[index] ?? 0) - (times[index - 1] ?? 0) > 3 * step;
    if (value === null || isGap) pen = "M";
    if (value === null) return "";
    const part = `${pen}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
    return part;
  }).join("");
}

/** Steps from one value to the next, filled to the axis. */
function filled(values: (number | null)[], times: number[], step: number, x: (time: number) => number, y: (value: number) => number): string {
  return values.map((value, index) => {
    const [from, to] = [x(times[index] ?? 0), x((times[index] ?? 0) + step)];
    return `M${from} ${y(0)}V${y(value ?? 0)}H${to}V${y(0)}Z`;
  }).join("");
}

function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}
