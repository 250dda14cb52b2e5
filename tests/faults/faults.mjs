// The faults. Each one begins and ends on demand while requests arrive.

const MIB = 1_048_576;

const kv = (name, mode) => ({ name, place: "KV", begin: (serin) => serin.kv(undefined, mode), end: (serin) => serin.kv(undefined, { kind: "ok" }) });
/** Replaces the canary state in KV; afterwards KV holds the previous value again. */
const kvHolds = (name, text) => ({
  name,
  place: "KV",
  async begin(serin) {
    this.before = await serin.values();
    const { "canary-state": _, ...others } = this.before;
    await serin.kv(text === undefined ? others : { ...others, "canary-state": text });
  },
  end(serin) {
    return serin.kv(this.before);
  },
});
/** Behaviour of a variant for every request; `breaksBodies`: a failure after the head of the response, which cannot be undone. */
const variant = (place) => (name, behaviour, { breaksBodies = false } = {}) => ({
  name: `${place}: ${name}`,
  place,
  query: { [place]: behaviour },
  breaksBodies,
  begin() {},
  end() {},
});
/** Behaviour of the controller or of the metrics shards. */
const object = (place, name, mode) => ({
  name: `${place}: ${name}`,
  place,
  begin: (serin) => serin.misbehave(place, mode),
  end: (serin) => serin.misbehave(place, "ok"),
});
/** Serin's clock jumps; half an hour ahead keeps every promise of the lab's rollout, which does nothing for an hour. */
const clock = (name, seconds) => ({ name: `clock: ${name}`, place: "clock", begin: (serin) => serin.clockAhead(seconds), end: (serin) => serin.clockAhead(0) });
const objectFaults = (place) => [
  object(place, "exception", "throw"),
  object(place, "hangs", "hang"),
  object(place, "disk full", "full"),
  object(place, "evicted and restarted, again and again", "evict"),
];

const variantFaults = (of) => [
  of("exception", "throw"),
  of("5xx burst", "status:503"),
  of("hangs before its head", "hang"),
  of("hangs in its body", "stall", { breaksBodies: true }),
  of("slow, 100 ms", "late:100"),
  of("breaks off in its body", "reset", { breaksBodies: true }),
  of("redirects to itself", "loop"),
];

/** What a canary may do with copies of requests, beside the faults that it has with visitors. */
export const MIRRORED_FAULTS = [
  ...variantFaults(variant("canary")),
  variant("canary")("floods, 64 MiB", "mebibytes:64"),
  variant("canary")("sets cookies", "cookies"),
  variant("canary")("body without end", "endless"),
];

export const FAULTS = [
  kv("KV: 500", { kind: "status", status: 500 }),
  kv("KV: exception", { kind: "throw" }),
  kv("KV: hangs", { kind: "hang" }),
  kv("KV: slow, 400 ms", { kind: "slow", milliseconds: 400 }),
  kv("KV: lags", { kind: "lag" }),
  kv("KV: garbage", { kind: "garbage" }),
  kv("KV: breaks off", { kind: "truncated" }),
  kvHolds("KV: a document of 1 MiB", `{"enabled":true,"percentage":50,"rolloutId":"lab","x":"${"x".repeat(MIB)}"}`),
  kvHolds("KV: a document 100,000 deep", `{"enabled":true,"percentage":50,"x":${"[".repeat(100_000)}`),
  kvHolds("KV: no document", undefined),
  { name: "KV: not bound", place: "KV", without: ["CANARY_STATE"], begin() {}, end() {} },
  ...variantFaults(variant("canary")),
  ...variantFaults(variant("stable")),
  ...objectFaults("controller"),
  ...objectFaults("metrics"),
  clock("jumps half an hour ahead", 1_800),
  clock("jumps an hour back", -3_600),
  { name: "Serin: a panic in every tenth request", place: "Serin", panicsEvery: 10, begin() {}, end() {} },
  { name: "Serin: two isolates", place: "Serin", others: [undefined], begin() {}, end() {} },
  { name: "clients: pause in their upload", place: "clients", pauses: "upload", begin() {}, end() {} },
  { name: "clients: pause in their download", place: "clients", pauses: "download", begin() {}, end() {} },
  { name: "clients: one asks again and again for what fails on both variants", place: "clients", attacks: true, begin() {}, end() {} },
  { name: "clients: leave in their upload", place: "clients", leaves: "upload", begin() {}, end() {} },
  { name: "clients: leave in their download", place: "clients", leaves: "download", begin() {}, end() {} },
];
