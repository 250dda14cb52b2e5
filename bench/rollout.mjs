// A running rollout, for contestants whose requests are observed. It is started over the control API.

import { Connection, bytesOf } from "./load.mjs";
import { setTimeout as pause } from "node:timers/promises";

export const ADMIN_TOKEN = "bench-admin-token";
const SOON_MS = 20_000;

/** Starts the rollout. Returns when the isolate behind this port has received the overlay and has reported its counts. */
export async function startRollout(port, host, plan, visit) {
  const connection = new Connection(port);
  const call = async (method, path, body) => {
    const headers = { "Host": host, "Authorization": `Bearer ${ADMIN_TOKEN}`, "Content-Type": "application/json" };
    const answer = await connection.request(bytesOf({ method, path: `/__serin/${path}`, headers, body }));
    const text = answer.slice(answer.indexOf("\r\n\r\n") + 4);
    if (!answer.startsWith("HTTP/1.1 200 ")) throw new Error(`${method} ${path}: ${answer.split("\r\n", 1)} ${text}`);
    return JSON.parse(text);
  };
  await call("POST", "rollouts", JSON.stringify(plan));
  const end = performance.now() + SOON_MS;
  while ((await call("GET", "status")).telemetry.lastReport === null) {
    if (performance.now() > end) throw new Error(`no request was observed within ${SOON_MS} ms`);
    await connection.request(bytesOf(visit));
    await pause(20);
  }
  connection.close();
}
