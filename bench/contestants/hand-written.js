// The splitter that people write by hand: URL, cookie, hash, and a response header that tells the side.

const VISITOR = /(?:^|;\s*)__Host-serin=([^;]+)/;

/** `send` gives the answer of a side; twins of Serin's other paths do more than to pass the request on. */
export async function split(request, env, context, state, send = pass) {
  if (new URL(request.url).pathname === "/health") return new Response("ok");
  const visitor = VISITOR.exec(request.headers.get("Cookie") ?? "")?.[1] ?? crypto.randomUUID();
  const side = state.enabled && bucket(visitor) < state.percentage ? "CANARY" : "STABLE";
  const answer = await send(side, request, env, visitor, context);
  const response = new Response(answer.body, answer);
  response.headers.set("X-Variant", side);
  return response;
}

export function pass(side, request, env) {
  return env[side].fetch(request);
}

/** 0..=99 */
function bucket(visitor) {
  let hash = 0;
  for (let at = 0; at < visitor.length; at += 1) hash = (Math.imul(hash, 31) + visitor.charCodeAt(at)) | 0;
  return (hash >>> 0) % 100;
}
