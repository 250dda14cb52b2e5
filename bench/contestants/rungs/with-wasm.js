// The hand-written splitter, and a Wasm module of no code beside it.
import memory from "./memory.wasm";

new WebAssembly.Instance(memory);
export { default } from "./cached-state.js";
