// An exception of the variant has to become an answer.
const failed = () => new Response("The service did not answer", { status: 502 });

export default { fetch: (request, env) => env.STABLE.fetch(request).then(undefined, failed) };
