// Visitors who keep coming: each has a cookie of its own and asks again and again, as fast as answers come.

import { Client } from "./client.mjs";

/** Runs until `stop()`, which tells every answer there was. `path()` says what the next request asks for. */
export function startLoad(port, { visitors = 400, connections = 16, path = () => "/?both=name&quiet" } = {}) {
  const client = new Client(port, connections);
  const answers = [];
  let next = 0;
  let running = true;

  const worker = async () => {
    while (running) {
      const visitor = next++ % visitors;
      const begun = performance.now();
      const answer = await client.request(path(), { headers: { cookie: `__Host-serin=${visitorId(visitor)}` } });
      answers.push({ visitor, begun, ended: performance.now(), status: answer.status, variant: answer.text.split(" ")[0] });
    }
  };
  const workers = Array.from({ length: connections }, worker);

  return {
    answers,
    async stop() {
      running = false;
      await Promise.all(workers);
      client.close();
      return answers;
    },
  };
}

/** The id that visitor number `n` was given. */
function visitorId(n) {
  return n.toString(16).padStart(32, "0");
}
