// Visitors that keep sending requests. Each has its own cookie and sends its next request when the response arrives.

import { Client, visitorId } from "./client.mjs";

/**
 * Runs until `stop()`, or until `t` ends. `path()` returns the path of the next request. There are many visitors, because the last comparison
 * of a rollout waits for thousands of them on the canary.
 */
export function startLoad(t, serin, { visitors = 20_000, connections = 16, path = () => "/?both=name&quiet" } = {}) {
  const answers = [];
  let client;
  let port;
  let next = 0;
  let running = true;

  const ask = async (visitor) => {
    if (port !== serin.port) {
      client?.close();
      ({ port } = serin);
      client = new Client(port, connections);
    }
    return client.request(path(), { headers: { cookie: `__Host-serin=${visitorId(visitor)}` } });
  };
  const keepAsking = async () => {
    while (running) {
      const visitor = next++ % visitors;
      const begun = Date.now();
      const answer = await ask(visitor).catch((error) => ({ status: 0, text: error.code }));
      answers.push({ visitor, begun, ended: Date.now(), status: answer.status, variant: answer.text.split(" ")[0] });
      // The server is down for a moment: wait until it is up.
      if (answer.status === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const workers = Array.from({ length: connections }, keepAsking);

  const stop = async () => {
    running = false;
    await Promise.all(workers);
    client.close();
    return answers;
  };
  t.after(stop);
  return { answers, stop };
}
