// `npm start` with its own port and its own KV, so that a running splitter and its state are not affected.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { eventually } from "../../edge/harness/eventually.mjs";
import { ROOT } from "./pages.mjs";

/** Starts a splitter that stops when `t` ends. Returns its address, and `api(method, path, body)`. */
export async function startSplitter(t, scratch, token) {
  const args = ["--port", "0", "--persist-to", scratch, "--env-file", `${scratch}/.dev.vars`];
  const child = spawn("node", ["scripts/start.mjs", ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const output = [];
  t.after(async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", (line) => output.push(line));
  const url = await eventually(() => {
    const found = /Ready on (http:\/\/localhost:\d+)/.exec(output.join("\n"))?.[1];
    if (!found) throw new Error(`not ready:\n${output.join("\n")}`);
    return found;
  }, { within: 300_000 });
  const api = async (method, path, body = {}) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const init = { method, headers, body: method === "GET" ? undefined : JSON.stringify({ actor: "test", ...body }) };
    const answer = await fetch(`${url}/__serin/${path}`, init);
    return { status: answer.status, text: await answer.text() };
  };
  return { url, api };
}
