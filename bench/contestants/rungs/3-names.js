// And no header that means something to Serin may reach a variant.
const RESERVED = [
  "serin-override",
  "serin_override",
  "serin-attempt",
  "serin_attempt",
  "cloudflare-workers-version-overrides",
  "cloudflare-workers-version-key",
];
const failed = () => new Response("The service did not answer", { status: 502 });

export default {
  fetch(request, env) {
    const { url, headers } = request;
    const cookie = headers.get("cookie");
    if (url === "" || cookie === "") return failed();
    for (const name of RESERVED) if (headers.has(name)) return failed();
    return env.STABLE.fetch(request).then(undefined, failed);
  },
};
