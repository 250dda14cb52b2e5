// Structure-aware fuzzing of the built Worker over HTTP: random bytes in the method, the URL, headers, cookies and bodies. Whatever comes
// in, Serin gives no 500 of its own, does not panic, and shows a variant nothing that is reserved.

import { connect } from "node:net";
import { startSerin } from "../edge/harness/workerd.mjs";
import { HOST, OVERRIDE_TOKEN, Random, request } from "./requests.mjs";

const CONNECTIONS = 8;
/** Longest time of an answer, in ms, on a busy machine. */
const PATIENCE = 10_000;
/** Requests after which the policy changes. */
const TURN = 500;
/** Requests that a Worker gets before the next one starts: workerd's own lines about malformed requests are kept in memory. */
const LIFE = 50_000;

/** Headers with a meaning for Serin or the platform. */
const RESERVED = /^(serin[-_](override|attempt)|cloudflare-workers-version-(overrides|key))$/;

const RULES = [
  { match: { path: ["/api/*", "/caf\u00e9*"], header: { "x-group": ["beta", ""] } }, serve: "canary" },
  { match: { cookie: { group: "beta" }, method: ["GET", "POST"] }, serve: { percentage: 50 } },
  { match: { host: ["*.shop.example", "[*"] }, serve: "stable" },
];
const POLICIES = [
  { "canary-state": { enabled: true, percentage: 50 } },
  { "canary-state": { enabled: true, percentage: 100, rules: RULES } },
  { "canary-state": { enabled: true, percentage: 30, rolloutId: "r", stickiness: ["cookie:session", "header:x-group", "visitor", "ip"] } },
  { "canary-state": { enabled: true, percentage: 50 }, "ops:disable_writes": "1" },
  { "canary-state": { enabled: false, percentage: 50 } },
  {},
];

/** Sends `inputs` requests. Returns what was found, each with its bytes, and how often each status came. */
export async function fuzzHttp({ inputs, seed = 1, say = () => {} }) {
  const random = new Random(seed);
  const findings = [];
  const statuses = {};
  let sent = 0;
  while (sent < inputs && findings.length === 0) {
    const until = Math.min(inputs, sent + LIFE);
    const after = [];
    // Without an admin's token in reach, no input changes what the next one meets.
    const serin = await startSerin({ after: (end) => after.push(end) }, { kv: POLICIES[0], vars: { OVERRIDE_TOKEN } });
    try {
      while (sent < until && findings.length === 0) {
        await serin.kvSettled(POLICIES[Math.floor(sent / TURN) % POLICIES.length]);
        await serin.forgetReads();
        const turn = Math.min(until, sent + TURN);
        const work = async () => {
          while (sent < turn && findings.length === 0) {
            sent += 1;
            const bytes = request(random);
            const answer = await ask(serin.port, bytes);
            const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0);
            statuses[status] = (statuses[status] ?? 0) + 1;
            const fault = faultOf(status, answer, bytes.toString("latin1"));
            if (fault) findings.push({ fault, request: bytes.toString("latin1"), answer: answer.slice(0, 2_000) });
          }
        };
        await Promise.all(Array.from({ length: CONNECTIONS }, work));
        const line = serin.output.find((text) => /panic|RuntimeError|unreachable|unwrap|memory access|table index/i.test(text));
        if (line) findings.push({ fault: `a line of the log: ${line}` });
        serin.output.length = 0;
        say(sent);
      }
      const health = await serin.request("/health", { headers: { host: HOST } });
      if (health.status !== 200) findings.push({ fault: `/health answers ${health.status} afterwards` });
    } finally {
      for (const end of after) await end();
    }
  }
  return { inputs: sent, findings, statuses };
}

/** The whole answer as text, one character a byte. */
function ask(port, bytes) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const chunks = [];
    const timer = setTimeout(() => {
      chunks.push(Buffer.from("(no end in sight)"));
      socket.destroy();
    }, PATIENCE);
    socket.on("data", (chunk) => chunks.push(chunk));
    // A request that promises more body than it has ends here, as a client's would.
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString("latin1"));
    });
    socket.end(bytes);
  });
}

/** Whether host and target are such that the runtime sends the request on. It refuses some hosts that a URL may have, and variants refuse those that no URL has. */
function hasPlainUrl(request) {
  const [, target] = /^\S+ (\/|https?:)/.exec(request) ?? [];
  const [, host] = /^host: ([\w.:-]+)\r$/m.exec(request) ?? [];
  return target !== undefined && host !== undefined && URL.canParse(`http://${host}`);
}

/** The fault of an answer, or undefined. */
function faultOf(status, answer, request) {
  if (answer.includes("(no end in sight)")) return "no answer";
  const [head, body = ""] = answer.split(/\r\n\r\n(.*)/s);
  if (status === 500) return "a 500";
  // A variant throws where an upload breaks off.
  if (status === 502 && hasPlainUrl(request) && !/^(content-length|transfer-encoding):/im.test(request)) return "a 502, though no variant failed";
  const visitor = /^set-cookie: __Host-serin=(.*)$/im.exec(head)?.[1];
  if (visitor && !/^[0-9a-f]{32}; Max-Age=31536000; Path=\/; Secure; HttpOnly; SameSite=Lax\r?$/.test(visitor)) return "a visitor's cookie that Serin did not make";
  if (!body.startsWith('{"variant":')) return undefined;
  const echo = JSON.parse(body);
  if (/^\/__serin(\/|$)/.test(URL.parse(echo.url)?.pathname ?? "")) return "a variant sees a path of Serin's own";
  const reserved = echo.headers.find(([name]) => RESERVED.test(name));
  if (reserved) return `a variant sees ${reserved[0]}`;
  if (echo.headers.some(([name, value]) => name === "cookie" && /(^|;)\s*serin_override=/.test(value))) return "a variant sees the override's cookie";
  return undefined;
}
