// `npm start` with its own port and its own KV, so that a running splitter and its state are not affected.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = join(import.meta.dirname, "..", "..");
/** A build is part of the start, and takes minutes the first time. */
const START_LIMIT = 300_000;

/** Starts the splitter with the variables and the state in `folder`. Returns its address, and `stop()`. */
export async function startSplitter(folder) {
  // Several wranglers may run: each has an inspector and a registry of Workers of its own.
  const args = ["--port", "0", "--inspector-port", "0", "--persist-to", folder, "--env-file", join(folder, ".dev.vars")];
  const env = { ...process.env, WRANGLER_REGISTRY_PATH: join(folder, "registry") };
  // A process group of its own: Ctrl-C in the terminal is the demo's, which stops the splitter in order.
  const child = spawn("node", ["scripts/start.mjs", ...args], { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const output = [];
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  const url = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`the splitter ${why}:\n${output.join("\n")}`));
    const timer = setTimeout(fail, START_LIMIT, `did not start within ${START_LIMIT / 1_000} s`);
    child.once("exit", (code) => fail(`ended with ${code}`));
    child.once("error", ({ message }) => fail(`cannot start: ${message}`));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        output.push(line);
        const [, ready] = /Ready on (http:\/\/localhost:\d+)/.exec(line) ?? [];
        if (!ready) return;
        clearTimeout(timer);
        resolve(ready);
      });
    }
  }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { url, stop };
}
