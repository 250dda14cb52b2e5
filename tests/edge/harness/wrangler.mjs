// The built Worker under wrangler, with its own wrangler.toml, its examples as the variants, and wrangler's local KV.

import { join } from "node:path";
import { createTestHarness } from "wrangler";

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** Starts the three Workers. They stop when `t` ends. */
export async function startUnderWrangler(t, { vars = {} } = {}) {
  process.env.WRANGLER_SEND_METRICS = "false";
  const harness = createTestHarness({
    root: ROOT,
    workers: [
      { configPath: "wrangler.toml", vars: { REFRESH_SECONDS: 0.05, ...vars } },
      { configPath: "examples/stable/wrangler.toml" },
      { configPath: "examples/canary/wrangler.toml" },
    ],
  });
  t.after(() => harness.close());
  const { url } = await harness.listen();
  const { CANARY_STATE: kv } = await harness.getWorker().getEnv();
  return { port: Number(url.port), kv };
}
