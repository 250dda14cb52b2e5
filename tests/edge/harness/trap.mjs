// A trap of the Wasm on purpose: Rust is handed a string that lies outside its memory.

const OUTSIDE = "wasm.isolate_route(0, request, 0xfffffff0, 100000, 0xfffffff0, 7, 0, 0);\n";

/** Where a trap can be: when Rust is asked for a request's route, or told of the canary's answer. */
const PLACES = {
  route: /const route = routeOf\(request, env, begun\);\n/g,
  answer: /const then = rust\(\)\.canary_answered\(.*;\n/g,
};

/** build/index.js with a trap in this place for requests of which `condition`, a JavaScript expression, holds. */
export function withTrap(source, condition, place = "route") {
  const found = source.match(PLACES[place]);
  if (found?.length !== 1) throw new Error(`expected build/index.js to have one ${PLACES[place]}, not ${found?.length ?? 0}`);
  return source.replace(PLACES[place], (line) => `if (${condition}) ${OUTSIDE}${line}`);
}
