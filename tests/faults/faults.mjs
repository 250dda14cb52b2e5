// What can go wrong, and how to make it so: each fault begins and ends on demand while requests come in.

import { withTrap } from "../edge/harness/trap.mjs";

const MIB = 1_048_576;

const kv = (name, mode) => ({ name, place: "KV", begin: (serin) => serin.kv(undefined, mode), end: (serin) => serin.kv(undefined, { kind: "ok" }) });
/** What KV holds instead of the canary state; afterwards it holds what it held. */
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
/** What a variant does with every request; `breaksBodies`: a failure after the head of the response, which nobody can take back. */
const variant = (place) => (name, behaviour, { breaksBodies = false } = {}) => ({
  name: `${place}: ${name}`,
  place,
  query: { [place]: behaviour },
  breaksBodies,
  begin() {},
  end() {},
});
const inside = (place, what, name, mode) => ({
  name,
  place,
  begin: (serin) => serin.request(`/?lab&${what}=${mode}`),
  end: (serin) => serin.request(`/?lab&${what}=ok`),
});

const variantFaults = (of) => [
  of("exception", "throw"),
  of("5xx burst", "status:503"),
  of("hangs before its head", "hang"),
  of("hangs in its body", "stall", { breaksBodies: true }),
  of("slow, 100 ms", "late:100"),
  of("breaks off in its body", "reset", { breaksBodies: true }),
  of("redirects to itself", "loop"),
];

export const FAULTS = [
  kv("KV: 500", { kind: "status", status: 500 }),
  kv("KV: exception", { kind: "throw" }),
  kv("KV: hangs", { kind: "hang" }),
  kv("KV: slow, 400 ms", { kind: "slow", milliseconds: 400 }),
  kv("KV: garbage", { kind: "garbage" }),
  kv("KV: breaks off", { kind: "truncated" }),
  kvHolds("KV: a document of 1 MiB", `{"enabled":true,"percentage":50,"rolloutId":"lab","x":"${"x".repeat(MIB)}"}`),
  kvHolds("KV: a document 100,000 deep", `{"enabled":true,"percentage":50,"x":${"[".repeat(100_000)}`),
  kvHolds("KV: no document", undefined),
  { name: "KV: not bound", place: "KV", without: ["CANARY_STATE"], begin() {}, end() {} },
  ...variantFaults(variant("canary")),
  ...variantFaults(variant("stable")),
  inside("controller", "controller", "controller: exception", "throw"),
  inside("controller", "controller", "controller: hangs", "hang"),
  inside("controller", "controller", "controller: evicted and restarted, again and again", "evict"),
  inside("metrics", "metrics", "metrics: exception", "throw"),
  inside("metrics", "metrics", "metrics: hangs", "hang"),
  inside("metrics", "metrics", "metrics: evicted and restarted, again and again", "evict"),
  inside("Serin", "trap", "Serin: a trap in every tenth request", "10"),
  { name: "clients: leave in their upload", place: "clients", leaves: "upload", begin() {}, end() {} },
  { name: "clients: leave in their download", place: "clients", leaves: "download", begin() {}, end() {} },
];

const LAB = `
const lab = { controller: "ok", metrics: "ok", trap: 0, seen: 0 };
function steer(url) {
  for (const [what, mode] of new URL(url).searchParams) if (what in lab) lab[what] = what === "trap" ? Number(mode) || 0 : mode;
  return new Response("steered");
}
async function misbehave(what, state) {
  if (lab[what] === "throw") throw new Error("scripted failure of the " + what);
  if (lab[what] === "hang") await scheduler.wait(60_000);
  if (lab[what] === "evict") state.abort("scripted eviction of the " + what);
}
`;

/** build/index.js, whose objects and Wasm misbehave when \`/?lab&…\` says so. */
export function withLab(source) {
  const doors = [
    ["(await control()).controllerFetch(", "controller"],
    ["(await control()).controllerAlarm(", "controller"],
    ["(await control()).shardFetch(", "metrics"],
    ["(await control()).shardAlarm(", "metrics"],
  ];
  const entry = "const route = routeOf(request, env, begun);";
  if (source.split(entry).length !== 2) throw new Error(`expected build/index.js to have one \`${entry}\``);
  const steered = source.replace(entry, `if (request.url.includes("/?lab&")) return steer(request.url);\n${entry}`);
  let text = withTrap(steered, "lab.trap > 0 && (lab.seen += 1) % lab.trap === 0");
  for (const [door, what] of doors) {
    if (text.split(door).length !== 2) throw new Error(`expected build/index.js to have one \`${door}\``);
    text = text.replace(`return ${door}`, `await misbehave("${what}", this.own[0]);\n return ${door}`);
  }
  return LAB + text;
}
