// A KV namespace that holds one document, in the protocol that workerd's KV binding speaks.
const KEY = "canary-state";

export default {
  async fetch(request, env) {
    if (request.method === "POST") {
      const { keys } = await request.json();
      return Response.json(Object.fromEntries(keys.map((key) => [key, key === KEY ? env.DOCUMENT : null])));
    }
    if (new URL(request.url).pathname === `/${KEY}`) return new Response(env.DOCUMENT);
    return new Response(null, { status: 404 });
  },
};
