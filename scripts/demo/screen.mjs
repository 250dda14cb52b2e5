// The demo's output: a screen that is drawn every second, or lines where there is no terminal.

import { setTimeout as pause } from "node:timers/promises";

const BAR = 30;
/** Without a terminal, a line is printed this often. */
const LINE_MS = 3_000;

export class Screen {
  hasTerminal;
  /** The reason of the rejection when the person leaves, by Ctrl-C or `q`. */
  left = new Error("left");
  #leave;
  #gone;
  #title = "";
  #said = [];
  #question;
  #lineAt = -LINE_MS;

  constructor(hasTerminal) {
    this.hasTerminal = hasTerminal;
    this.#gone = new Promise((_, reject) => {
      this.#leave = () => reject(this.left);
    });
    this.#gone.catch(() => {});
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, this.#leave);
    if (!hasTerminal) return;
    process.stdin.setRawMode(true);
    process.stdin.resume();
    process.stdin.on("data", this.#pressed);
  }

  close() {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeListener(signal, this.#leave);
    if (!this.hasTerminal) return;
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stdout.write("\x1b[?25h");
  }

  /** Begins a part of the demo. */
  title(text) {
    this.#title = text;
    this.#said = [];
    this.#lineAt = -LINE_MS;
    if (!this.hasTerminal) console.log(`\n${text}`);
  }

  /** The title of the present part. */
  get titled() {
    return this.#title;
  }

  /** Adds a line that stays. */
  say(text) {
    this.#said.push(text);
    console.log(text);
  }

  /** Shows the state of the rollout, and the rates of answers. */
  show(text, { stable, canary, errors, seen }) {
    if (!this.hasTerminal) return this.#line(text, `stable ${stable}/s, canary ${canary}/s, errors seen by clients ${seen}`);
    const most = Math.max(stable + canary + errors, 1);
    const bar = (count, color) => `\x1b[${color}m${"█".repeat(Math.round((count / most) * BAR)).padEnd(BAR, "·")}\x1b[0m ${count}/s`;
    const lines = [
      `\x1b[1m${this.#title}\x1b[0m`,
      "",
      ...text.trimEnd().split("\n"),
      "",
      `answers by stable   ${bar(stable, 34)}`,
      `answers by canary   ${bar(canary, 33)}`,
      `errors to clients   ${bar(errors, 31)}, ${seen} in all`,
      "",
      ...this.#said,
      this.#question?.text ?? "[q] quits",
    ];
    process.stdout.write(`\x1b[?25l\x1b[2J\x1b[H${lines.join("\r\n")}\r\n`);
  }

  #line(headline, rates) {
    if (performance.now() - this.#lineAt < LINE_MS) return;
    this.#lineAt = performance.now();
    console.log(`${headline}  (${rates})`);
  }

  /** Waits, unless the person leaves. */
  wait(ms) {
    return Promise.race([pause(ms), this.#gone]);
  }

  /** Asks for one of these keys. */
  key(text, keys) {
    return new Promise((resolve) => {
      this.#question = { text: `\x1b[1m${text}\x1b[0m  [q] quits`, keys, resolve };
    });
  }

  #pressed = (data) => {
    const key = data.toString();
    if (key === "q" || key === "\x03") return this.#leave();
    if (!this.#question?.keys.includes(key)) return undefined;
    const { resolve } = this.#question;
    this.#question = undefined;
    return resolve(key);
  };
}
