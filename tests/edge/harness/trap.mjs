// A trap of the Wasm on purpose: Rust is handed strings that lie outside its memory.

const DOOR = /const answer = fetch\(request, env.*;\n/g;
const OUTSIDE = "wasm.fetch(1, 2, 0xfffffff0, 100000, 0xfffffff0, 7, 0, 0);\n";

/** build/index.js with a trap in its door, or right behind it, for requests of which `condition`, a JavaScript expression, holds. */
export function withTrap(source, condition, { behind = false } = {}) {
  const doors = source.match(DOOR);
  if (doors?.length !== 1) throw new Error(`expected build/index.js to have one ${DOOR}, not ${doors?.length ?? 0}`);
  const trap = `if (${condition}) ${OUTSIDE}`;
  return source.replace(DOOR, (door) => (behind ? door + trap : trap + door));
}
