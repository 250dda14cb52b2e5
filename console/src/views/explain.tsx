// The variant of a visitor, and the reason: the bucket on a ruler, beside the present share.

import { useState } from "preact/hooks";
import { percent } from "../format";
import { useAnswer } from "../live";
import { Chip, Notice, Skeleton } from "../parts/notice";
import type { Explanation, Status } from "../types";

const FIELDS = [
  ["key", "Sticky key", "the visitor's id in the cookie __Host-serin, a user's id, an address"],
  ["path", "Path", "/checkout"],
  ["country", "Country", "DE"],
  ["header", "Header", "x-group: beta"],
  ["cookie", "Cookie", "plan=pro"],
] as const;

type Fields = Partial<Record<(typeof FIELDS)[number][0], string>>;

export function Explain({ status }: { status?: Status }) {
  const [fields, setFields] = useState<Fields>({});
  const [query, setQuery] = useState<string>();
  const { answer, error } = useAnswer<Explanation>(query === undefined ? undefined : `explain?${query}&at=${status?.epoch ?? 0}`.replace(/&at=\d+$/, ""));
  const ask = (event: Event) => {
    event.preventDefault();
    setQuery(queryOf(fields));
  };
  return (
    <div class="two">
      <section class="card" aria-labelledby="explain">
        <header><h2 id="explain">Which variant?</h2></header>
        <form class="form" onSubmit={ask}>
          {FIELDS.map(([name, word, hint]) => (
            <label class="field" key={name}>
              {word}
              <input value={fields[name] ?? ""} placeholder={hint} autocapitalize="off" spellcheck={false} onInput={(event) => setFields({ ...fields, [name]: event.currentTarget.value })} />
            </label>
          ))}
          <button class="button primary" type="submit">Explain</button>
        </form>
      </section>
      <section class="card" aria-labelledby="answer" aria-live="polite">
        <header><h2 id="answer">Answer</h2></header>
        {query === undefined && <p class="empty">Give a sticky key or attributes of a request, to see which variant it gets and why.</p>}
        {query !== undefined && !answer && !error && <Skeleton />}
        {error && <Notice tone="bad" title="That cannot be explained.">{error.message}</Notice>}
        {answer && <Answer {...answer} />}
      </section>
    </div>
  );
}

function Answer({ variant, reason, sentence, key, keyFrom, bucket, percentage, changesAt, rule }: Explanation) {
  return (
    <>
      <p class="answer">
        {variant ? <Chip tone={variant === "canary" ? "canary" : ""} icon={variant === "canary" ? "play" : "none"}>{variant}</Chip> : <Chip tone="bad" icon="stop">no variant: 503</Chip>}
        <span class="small muted">{rule !== null ? `rule ${rule + 1}` : reason}</span>
      </p>
      <p>{sentence}</p>
      {bucket !== null && <Ruler bucket={bucket} percentage={percentage ?? 0} />}
      <dl class="facts">
        <div><dt>Sticky key</dt><dd class="mono">{key ?? "none"}</dd></div>
        <div><dt>From</dt><dd>{keyFrom ?? "–"}</dd></div>
        <div><dt>Bucket</dt><dd>{bucket === null ? "–" : `${bucket.toLocaleString("en")} of 100,000`}</dd></div>
        <div><dt>On the canary from</dt><dd>{changesAt === null ? "–" : percent(changesAt, 3)}</dd></div>
      </dl>
    </>
  );
}

function Ruler({ bucket, percentage }: { bucket: number; percentage: number }) {
  const at = bucket / 1_000;
  return (
    <div class="ruler" role="img" aria-label={`The bucket lies at ${percent(at, 3)}; the canary has the buckets below ${percent(percentage, 3)}.`}>
      <div class="track"><i style={{ width: `${percentage}%` }} /></div>
      <div class={`pin ${at > 60 ? "left" : ""}`} style={{ left: `${at}%` }}><span>this key, {percent(at, 3)}</span></div>
      <div class="ends"><span>0 %</span><span>canary below {percent(percentage, 3)}</span><span>100 %</span></div>
    </div>
  );
}

function queryOf(fields: Fields): string {
  const query = new URLSearchParams();
  for (const name of ["key", "path", "country"] as const) {
    const value = fields[name]?.trim();
    if (value) query.set(name, name === "country" ? value.toUpperCase() : value);
  }
  const pair = (text: string | undefined, separator: string, kind: string) => {
    const [name, ...rest] = (text ?? "").split(separator);
    if (name?.trim() && rest.length > 0) query.set(`${kind}.${name.trim()}`, rest.join(separator).trim());
  };
  pair(fields.header, ":", "header");
  pair(fields.cookie, "=", "cookie");
  return query.toString();
}
