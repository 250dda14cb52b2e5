// `npm run demo`: a rollout in about a minute, and a rollback. Two example Workers, Serin in front of them, traffic, and what an operator
// sees. The first act rolls a healthy canary out to everybody. In the second act the canary breaks, and Serin rolls it back.
//
//   --break errors|slow|hang|crash   how the canary breaks; without it, a key press decides
//   --no-tty                         prints lines instead of a screen, and asks for no key (then the default of --break is errors)
//   --rate N                         requests a second, 120 by default
//   --picture FILE                   writes the second act as an animated SVG
//
// The exit code is 0 if the first rollout completes, the second is rolled back, and no client sees an error.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { buildSerin } from "./cli.mjs";
import { Picture } from "./demo/picture.mjs";
import { Screen } from "./demo/screen.mjs";
import { startSplitter } from "./demo/splitter.mjs";
import { Traffic } from "./demo/traffic.mjs";

const BREAKS = { e: "errors", s: "slow", h: "hang", c: "crash" };
/** Seconds instead of minutes, and a judge that expects little traffic. */
const PLAN = {
  schedule: "custom",
  settle: "2s",
  lookEvery: "2s",
  detect: { points: 20 },
  analysis: { tickMs: 1_000, flushIntervalMs: 1_000 },
};
const HEALTHY = { ...PLAN, id: "demo-1", steps: [10, 50, 100], hold: "10s", bake: "8s" };
/** The first step lasts until a key is pressed. */
const BROKEN = { ...PLAN, id: "demo-2", steps: [25, 100], hold: "30m" };
/** The canary's share before it breaks in the second act. */
const HEALTHY_MS = 8_000;
const ACT_LIMIT_MS = 180_000;
const SETTINGS = { REFRESH_SECONDS: 1, CANARY_DEADLINE_SECONDS: 0.3 };
const STATE = { enabled: false, percentage: 0, stickiness: ["header:x-api-key", "visitor"] };

const { values } = parseArgs({
  options: { break: { type: "string" }, "no-tty": { type: "boolean" }, rate: { type: "string", default: "120" }, picture: { type: "string" } },
});
const hasTerminal = !values["no-tty"] && process.stdin.isTTY === true && process.stdout.isTTY === true;
const chosen = values.break ?? (hasTerminal ? undefined : "errors");
const rate = Number(values.rate);
if (chosen !== undefined && !Object.values(BREAKS).includes(chosen)) {
  stop(`--break is ${chosen}, should be one of ${Object.values(BREAKS).join(", ")}`);
}
if (!(rate >= 1 && rate <= 1_000)) stop(`--rate is ${values.rate}, should be 1 to 1000 requests a second`);

/** Plays both acts. Returns the exit code. */
async function run() {
  const folder = await mkdtemp(join(tmpdir(), "serin-demo-"));
  const screen = new Screen(hasTerminal);
  let splitter;
  let traffic;
  try {
    const token = randomBytes(16).toString("hex");
    const settings = Object.entries({ ADMIN_TOKEN: token, ...SETTINGS }).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(folder, ".dev.vars"), settings.join(""));
    screen.say("Building Serin and its command line. The first time, this takes a few minutes.");
    const program = buildSerin();
    screen.say("Starting Serin in front of two example Workers.");
    splitter = await startSplitter(folder);
    const demo = new Demo(splitter.url, token, program, screen);
    traffic = demo.traffic = new Traffic(splitter.url, rate);
    const isGood = (await demo.firstAct()) && (await demo.secondAct());
    await demo.picture?.write(values.picture);
    return isGood ? 0 : 1;
  } catch (error) {
    if (error !== screen.left) console.error(`demo: ${error.message}`);
    return error === screen.left ? 130 : 1;
  } finally {
    screen.close();
    await traffic?.stop();
    await splitter?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Demo {
  #url;
  #token;
  #program;
  #screen;
  #last = { at: performance.now(), stable: 0, canary: 0, errors: 0 };
  traffic;
  /** The second act's frames, where a picture is asked for. */
  picture = values.picture && new Picture();

  constructor(url, token, program, screen) {
    this.#url = url;
    this.#token = token;
    this.#program = program;
    this.#screen = screen;
  }

  /** A healthy canary goes from 10 % to everybody. Returns whether it did. */
  async firstAct() {
    this.#screen.title(`Act 1: a healthy canary. ${rate} requests a second, every visitor stays on one side.`);
    await this.#api("PUT", "state", { state: STATE });
    await this.#api("POST", "rollouts", { ...HEALTHY, actor: "you", reason: "version 1.1.0" });
    const phase = await this.#follow();
    this.#screen.say(phase === "completed" ? "The canary has all visitors." : `The rollout should have completed, and is ${phase}.`);
    return phase === "completed";
  }

  /** A canary with a quarter of the visitors breaks. Returns whether it is rolled back without an error that a client sees. */
  async secondAct() {
    this.#screen.title("Act 2: the next version. It has a quarter of the visitors, and will break.");
    await this.#api("PUT", "state", { state: STATE });
    await this.#api("POST", "rollouts", { ...BROKEN, actor: "you", reason: "version 1.2.0" });
    const errors = this.traffic.total.errors;
    const keys = "Break the canary: [e]rrors  [s]low  [h]ang  [c]rash";
    const decided = chosen ? pause(HEALTHY_MS, chosen) : this.#screen.key(keys, Object.keys(BREAKS)).then((key) => BREAKS[key]);
    let brokenAt;
    void decided.then((kind) => {
      brokenAt = performance.now();
      this.traffic.breaks = kind;
      this.#screen.title(`Act 2: the canary breaks (${kind}).`);
    });
    const phase = await this.#follow();
    const seconds = (performance.now() - brokenAt) / 1_000;
    const seen = this.traffic.total.errors - errors;
    const { rows } = await this.#api("GET", "audit?limit=20");
    const why = rows.find(({ action }) => action === "rolled-back")?.reason;
    this.#screen.say(why ? `Rolled back after ${seconds.toFixed(0)} s. ${why}` : `The canary should have been rolled back, and the rollout is ${phase}.`);
    this.#screen.say(`Errors seen by clients: ${seen}`);
    return phase === "rolled-back" && brokenAt !== undefined && seen === 0;
  }

  /** Shows the rollout every second until it is over. Returns its last phase. */
  async #follow() {
    const end = performance.now() + ACT_LIMIT_MS;
    for (;;) {
      const { rollout, headline } = await this.#api("GET", "status");
      const isOver = ["completed", "rolled-back", "aborted"].includes(rollout.phase);
      const rates = this.#rates();
      if (rollout.id === BROKEN.id) this.picture?.add(this.#screen.titled, headline, rates);
      this.#screen.show(this.#screen.hasTerminal ? await this.#status() : headline, rates);
      if (isOver) return rollout.phase;
      // In the second act, the wait for a key has no end.
      if (performance.now() > end && (chosen || this.traffic.breaks || rollout.id === HEALTHY.id)) return rollout.phase;
      await this.#screen.wait(1_000);
    }
  }

  /** Answers a second since the last call, by variant. */
  #rates() {
    const { stable, canary, errors } = this.traffic.total;
    const before = this.#last;
    this.#last = { at: performance.now(), stable, canary, errors };
    const seconds = (this.#last.at - before.at) / 1_000;
    const perSecond = (name) => Math.round((this.#last[name] - before[name]) / seconds);
    return { stable: perSecond("stable"), canary: perSecond("canary"), errors: perSecond("errors"), seen: errors };
  }

  /** The output of `serin status`. */
  async #status() {
    const env = { ...process.env, SERIN_URL: this.#url, SERIN_TOKEN: this.#token, CLICOLOR_FORCE: "1" };
    const { stdout } = await promisify(execFile)(this.#program, ["status"], { env }).catch((error) => error);
    return stdout ?? "";
  }

  async #api(method, path, body) {
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    const answer = await fetch(`${this.#url}/__serin/${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answers ${answer.status}: ${text}`);
    return JSON.parse(text);
  }
}

function stop(why) {
  console.error(`demo: ${why}`);
  process.exit(2);
}

process.exitCode = await run();
