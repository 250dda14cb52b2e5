// Headers that no variant may see from a client.

// Of Serin's own namespace what means something to somebody, also as gateways that turn `-` into `_` would write it, and
// the platform's version overrides, which would otherwise reach a variant through its binding. Asked by name: to look
// through all names of a request costs more than everything else that Serin does (docs/performance.md).
const NAMES = [
  "serin-override",
  "serin_override",
  "serin-attempt",
  "serin_attempt",
  "cloudflare-workers-version-overrides",
  "cloudflare-workers-version-key",
];

// Where one has to go, the whole namespace does. Header names are in lower case here.
const NAMESPACE = /^(serin[-_]|cloudflare-workers-version-(overrides|key)$)/;

/** Whether a client sent one of them. */
export function hasReserved(headers) {
  for (const name of NAMES) if (headers.has(name)) return true;
  return false;
}

/** The headers without any of them. */
export function withoutReserved(headers) {
  const kept = new Headers(headers);
  for (const name of [...kept.keys()]) if (NAMESPACE.test(name)) kept.delete(name);
  return kept;
}
