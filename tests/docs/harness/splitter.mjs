// The splitter against which the commands of the pages run.

import { startSplitter as start } from "../../../scripts/demo/splitter.mjs";

/** Starts a splitter that stops when `t` ends. Returns its address, and `api(method, path, body)`. */
export async function startSplitter(t, scratch, token) {
  const { url, stop } = await start(scratch);
  t.after(stop);
  const api = async (method, path, body = {}) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const init = { method, headers, body: method === "GET" ? undefined : JSON.stringify({ actor: "test", ...body }) };
    const answer = await fetch(`${url}/__serin/${path}`, init);
    return { status: answer.status, text: await answer.text() };
  };
  return { url, api };
}
