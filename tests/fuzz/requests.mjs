// Random HTTP/1.1 requests as bytes: well-formed in their structure, mostly, and hostile in their parts. The same seed gives the same
// requests.

import { mint } from "../../scripts/override.mjs";

export const HOST = "shop.example";
export const OVERRIDE_TOKEN = "override-token-of-the-fuzzer";

/** Numbers in 0..1 that follow from a seed (mulberry32). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit) {
    return Math.floor(this.next() * limit);
  }

  chance(share) {
    return this.next() < share;
  }

  of(list) {
    return list[this.below(list.length)];
  }
}

// Not CONNECT, which workerd refuses by itself.
const METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "TRACE", "get", "QUERY"];
const PATHS = [
  "/", "/health", "/health?detailed=true", "/__serin/status", "/__serin", "/__serin/explain?key=a", "/__serin/rollouts/current", "/api/users", "/admin", "/%61dmin",
  "//", "/./..//", "/x/../__serin/status", "/%5f_serin/status", "/__serin%2fstatus", "/;/", "/*", "*", "http://shop.example/health", "https://evil.example/", "", "?",
];
/** Behaviour of the variants (tests/edge/harness/variants.js). */
const BEHAVIOURS = ["echo", "echo", "echo", "name", "cookies", "status:204", "status:304", "status:404", "redirect:302", "compressed:gzip&bytes=H4sIAAAAAAAAA0sEAEO-t-gBAAAA"];
const NAMES = [
  "cookie", "cookie", "cookie", "serin-override", "Serin-Override", "serin_override", "serin-attempt", "serin-anything", "cloudflare-workers-version-overrides", "cf-connecting-ip", "x-forwarded-for",
  "sec-fetch-mode", "sec-fetch-dest", "accept", "accept-encoding", "range", "if-none-match", "authorization", "upgrade", "content-type", "expect", "te", "via", "x-group", "x-http-method-override", "origin",
];
const VALUES = ["", " ", "navigate", "document", "text/html", "gzip, br", "bytes=0-", "websocket", "application/json", "100-continue", "beta", "203.0.113.7", "2001:db8::1", "::ffff:1.2.3.4", "Bearer token-of-the-tests", "*", ",,,", "\"", "a=b; c"];
const HOSTS = [...Array(40).fill(HOST), "beta.shop.example:8443", "[::1]", "[", "a b", "%", "xn--", "", "1.2.3.4.5", "é", "user@host", "host:99999", "host/path", "a".repeat(300)];
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/** Bytes as text, one character for each (latin1): those of a kind, or any. */
function noise(random, most = 40) {
  // The runtime refuses most requests with control characters, and then Serin sees none of it.
  const kind = random.chance(0.04) ? random.of(["any", "controls"]) : random.of(["printable", "printable", "high", "ascii", "one", "json"]);
  if (kind === "json") return random.of(['{"a":', "[[[[[[[", '"\\u0000"', "1e999", "{}", "null", "-0"]);
  const length = random.below(random.chance(0.02) ? 4_000 : most);
  const printable = () => random.of([32, 128]) + random.below(95);
  const one = printable();
  const byte = { any: () => random.below(256), printable, high: () => 128 + random.below(128), ascii: () => 32 + random.below(95), controls: () => random.below(32), one: () => one }[kind];
  return String.fromCharCode(...Array.from({ length }, byte));
}

/** A text with some of its bytes changed, doubled or cut out. */
function bent(random, text) {
  const at = random.below(text.length + 1);
  const kept = text.slice(0, at);
  return random.of([
    () => kept + noise(random, 4) + text.slice(at),
    () => kept + text.slice(at + 1),
    () => kept + String.fromCharCode(32 + random.below(224)) + text.slice(at + 1),
    () => text + text,
    () => kept,
    () => text.replace(/[a-z]/g, (letter) => (random.chance(0.3) ? letter.toUpperCase() : letter)),
    () => text.replace(/[a-z]/g, (letter) => (random.chance(0.3) ? `%${letter.charCodeAt(0).toString(16)}` : letter)),
  ])();
}

const maybeBent = (random, text, share) => (random.chance(share) ? bent(random, text) : text);

function cookies(random) {
  const id = () => Array.from({ length: 32 }, () => random.below(16).toString(16)).join("");
  const token = () => encodeURIComponent(mint(OVERRIDE_TOKEN, { host: HOST, variant: random.of(["stable", "canary"]), expires: Math.floor(Date.now() / 1000) + random.of([-10, 10, 1_800, 10_000]) }));
  const pair = () => random.of([
    () => `__Host-serin=${maybeBent(random, id(), 0.3)}`,
    () => `serin_override=${maybeBent(random, token(), 0.3)}`,
    () => `${noise(random, 6)}=${noise(random, 10)}`,
    () => noise(random, 10),
    () => "group=beta",
    () => ";".repeat(random.below(200)),
  ])();
  return Array.from({ length: 1 + random.below(random.chance(0.02) ? 400 : 4) }, pair).join(random.of(["; ", ";", " ;", ","]));
}

/** A text whose bytes beyond ASCII, and some others, are percent-encoded. */
const encoded = (random, text) =>
  text.replace(/[^!-~]|[#?%]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`).replace(/[a-z]/gi, (byte) => (random.chance(0.1) ? `%${byte.charCodeAt(0).toString(16)}` : byte));

function target(random) {
  // The runtime refuses a target that is no path and no URL, and one with other bytes than a URL's.
  const isRefused = random.chance(0.03);
  const text = () => (isRefused ? noise(random, 20) : encoded(random, noise(random, 20)));
  const bentPath = maybeBent(random, random.of(PATHS), 0.4);
  const path = isRefused || /^https?:/.test(bentPath) ? bentPath : encoded(random, bentPath).replace(/^(?!\/)/, "/").replace(/%(3f|25)/g, (code) => (random.chance(0.9) ? { "%3f": "?", "%25": "%" }[code] : code));
  const query = [];
  if (random.chance(0.7)) query.push(`both=${random.of(BEHAVIOURS)}`);
  if (random.chance(0.4)) query.push(text());
  return query.length === 0 ? path : `${path}${path.includes("?") ? "&" : "?"}${query.join("&")}`;
}

function header(random) {
  const name = maybeBent(random, random.of(NAMES), 0.1);
  if (name.toLowerCase() === "cookie") return [name, cookies(random)];
  if (/^serin[-_]override$/i.test(name) && random.chance(0.5)) return [name, maybeBent(random, mint(OVERRIDE_TOKEN, { host: HOST, variant: "canary", expires: Math.floor(Date.now() / 1000) + 1_800 }), 0.4)];
  return [name, random.chance(0.5) ? random.of(VALUES) : noise(random)];
}

/** The body and the headers that frame it; sometimes they disagree. */
function body(random) {
  const text = random.chance(0.5) ? random.of(['{"on":true}', '{"schedule":"fast"}', "a=1&b=2", ""]) : noise(random, 200);
  if (random.chance(0.3)) {
    const size = maybeBent(random, text.length.toString(16), 0.1);
    return [[["transfer-encoding", random.chance(0.97) ? "chunked" : noise(random, 8)]], `${size}${random.chance(0.1) ? `;${noise(random, 8)}` : ""}\r\n${text}\r\n0\r\n\r\n`];
  }
  const length = random.chance(0.95) ? text.length : random.of(["-1", "1e3", "99999999999999999999", "0x10", text.length + 1]);
  return [[["content-length", String(length)]], text];
}

/** One request as bytes. */
export function request(random) {
  const method = random.chance(0.99) ? random.of(METHODS) : noise(random, 8);
  const headers = Array.from({ length: random.below(random.chance(0.02) ? 100 : 8) }, () => header(random));
  const [framing, content] = random.chance(0.3) || ["POST", "PUT", "PATCH"].includes(method) ? body(random) : [[], ""];
  const lines = [["host", maybeBent(random, random.of(HOSTS), 0.05)], ...headers, ...framing, ["connection", "close"]];
  // Line ends within a part would make another request of it, which is the structure's business; a few stay.
  const flat = (text) => (random.chance(0.995) ? text.replace(/[\r\n\0]/g, "") : text);
  const head = lines.map(([name, value]) => `${random.chance(0.99) && !TOKEN.test(name) ? "x-odd" : flat(name)}: ${flat(value)}\r\n`).join("");
  const goal = random.chance(0.97) ? flat(target(random)).replaceAll(" ", "%20") : flat(target(random));
  return Buffer.from(`${flat(method)} ${goal} HTTP/1.${random.chance(0.98) ? 1 : random.below(10)}\r\n${head}\r\n${content}`, "latin1");
}
