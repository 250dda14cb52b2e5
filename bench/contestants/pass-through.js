// The floor: the least that a Worker in front of another can do.
export default { fetch: (request, env) => env.STABLE.fetch(request) };
