// Signs QA's override token, which selects one variant for its holder, for at most an hour, on one host name:
//
//   OVERRIDE_TOKEN=… npm run -s override -- HOST [canary|stable] [MINUTES]

import { createHmac } from "node:crypto";

const MAX_MINUTES = 60;

/** The value of the header `serin-override`. `expires` in seconds since 1970. */
export function mint(secret, { host, variant = "canary", expires }) {
  const signature = createHmac("sha256", secret).update(`${host}\n${variant}\n${expires}`).digest("hex");
  return `${variant};exp=${expires};sig=${signature}`;
}

if (import.meta.filename === process.argv[1]) main(...process.argv.slice(2));

function main(host, variant = "canary", minutes = "30") {
  const secret = process.env.OVERRIDE_TOKEN;
  const usage = "usage: OVERRIDE_TOKEN=… npm run -s override -- HOST [canary|stable] [MINUTES]";
  if (!host || !["canary", "stable"].includes(variant)) return stop(usage);
  if (host.includes("/") || /:\d+$/.test(host)) return stop(`HOST is a bare host name such as shop.example, not ${host}`);
  if (!(Number(minutes) > 0 && Number(minutes) <= MAX_MINUTES)) {
    return stop(`MINUTES must be above 0 and at most ${MAX_MINUTES}, not ${minutes}`);
  }
  if (!secret) return stop("OVERRIDE_TOKEN is not set: give the value that the Worker has, see `wrangler secret put`");

  // One second less than the limit: clocks differ a little, and the Worker refuses a token that is valid for more than an hour.
  const expires = Math.floor(Date.now() / 1000 + Number(minutes) * 60) - 1;
  const token = mint(secret, { host, variant, expires });
  console.log(`header   serin-override: ${token}`);
  console.log(`cookie   serin_override=${encodeURIComponent(token)}`);
  console.log(`expires  ${new Date(expires * 1000).toISOString()}`);
}

function stop(reason) {
  console.error(`override: ${reason}`);
  process.exitCode = 1;
}
