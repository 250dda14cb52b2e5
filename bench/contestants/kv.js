// A KV namespace that holds one document, in the protocol that workerd's KV binding speaks: the one it was given, if any, until a
// controller writes another.
const KEY = "canary-state";
let written;

export default {
  async fetch(request, env) {
    const document = written ?? env.DOCUMENT;
    const isDocument = new URL(request.url).pathname === `/${KEY}`;
    if (request.method === "POST") {
      const { keys } = await request.json();
      return Response.json(Object.fromEntries(keys.map((key) => [key, key === KEY ? document ?? null : null])));
    }
    if (request.method === "PUT" && isDocument) written = await request.text();
    if (request.method === "PUT") return new Response();
    return isDocument && document !== undefined ? new Response(document) : new Response(null, { status: 404 });
  },
};
