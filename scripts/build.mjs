// Builds the Worker: build/index.js and build/serin.wasm, which wrangler uploads as they are.
//
//   cargo ─► raw.wasm ─► serin-bindgen ─► build/bindgen/serin.js + serin_bg.wasm
//                                              │                      │ wasm-opt
//            src/entry.js ─── esbuild ─────────┴─► build/index.js     └─► build/serin.wasm

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const BUILD = join(ROOT, "build");
const GLUE = join(BUILD, "bindgen", "serin.js");
const WASM = join(BUILD, "serin.wasm");
const STAMP = join(BUILD, "bindgen", "made-from");
const TARGET = "wasm32-unknown-unknown";
const PROFILE = "wasm";

// What rustc emits for the target; wasm-opt refuses what it was not told of, and the runtime knows all of these.
const WASM_FEATURES = [
  "bulk-memory",
  "bulk-memory-opt",
  "call-indirect-overlong",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
];

const raw = compile();
if (changed(raw)) {
  const made = fingerprint(raw);
  glue(raw);
  optimise();
  writeFileSync(STAMP, made);
}
await bundle();
report();

function compile() {
  // Where the crates lie on this machine is nobody's business, and would make each machine's Wasm another.
  const crates = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry", "src");
  const flags = `target.${TARGET}.rustflags=${JSON.stringify([`--remap-path-prefix=${crates}=crates`])}`;
  run("cargo", "--config", flags, "build", "--locked", "--profile", PROFILE, "--target", TARGET, "-p", "serin");
  const { target_directory } = JSON.parse(run("cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"));
  return join(target_directory, TARGET, PROFILE, "serin.wasm");
}

/** Generator and optimiser take seconds, and a developer saves often. */
function changed(raw) {
  const made = existsSync(STAMP) && existsSync(WASM) ? readFileSync(STAMP, "utf8") : "";
  return made !== fingerprint(raw);
}

function fingerprint(raw) {
  const hash = createHash("sha256");
  for (const file of [raw, fileURLToPath(import.meta.url), join(ROOT, "scripts/bindgen/src/main.rs")]) {
    hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}

function glue(raw) {
  run("cargo", "run", "--locked", "--quiet", "-p", "serin-bindgen", "--", raw, dirname(GLUE));
  // The generator imports the module at source phase, which the Workers runtime does not know: there, a plain import
  // of a CompiledWasm module already is the module.
  const written = readFileSync(GLUE, "utf8");
  const line = 'import source wasmModule from "./serin_bg.wasm"';
  if (!written.includes(line)) {
    stop(`${GLUE} has no line \`${line}\`: the generator changed its output, adapt scripts/build.mjs to it`);
  }
  writeFileSync(GLUE, written.replace(line, 'import wasmModule from "./serin.wasm"'));
}

function optimise() {
  mkdirSync(BUILD, { recursive: true });
  const features = WASM_FEATURES.map((feature) => `--enable-${feature}`);
  const input = join(dirname(GLUE), "serin_bg.wasm");
  run(tool("wasm-opt"), "-O3", "--strip-debug", "--strip-producers", ...features, input, "-o", WASM);
}

async function bundle() {
  const esbuild = await import("esbuild").catch(() => stop("esbuild is missing: run `npm run setup`"));
  await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: ["src/entry.js"],
    outfile: join(BUILD, "index.js"),
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["cloudflare:*", "./serin.wasm"],
    logLevel: "warning",
    // The generator repeats keys of its import object.
    logOverride: { "duplicate-object-key": "silent" },
  }).catch(() => stop("esbuild could not bundle src/entry.js, see above"));
}

function report() {
  for (const file of ["build/index.js", "build/serin.wasm"]) {
    const bytes = readFileSync(join(ROOT, file));
    console.log(`build: ${file} ${kib(bytes)} (${kib(gzipSync(bytes))} gzipped)`);
  }
}

function kib(bytes) {
  return `${(bytes.length / 1024).toFixed(1)} KiB`;
}

function tool(name) {
  const path = join(ROOT, "node_modules", ".bin", name);
  return existsSync(path) ? path : stop(`${name} is missing: run \`npm run setup\``);
}

/** Runs a command in the open, and returns what it prints on stdout. */
function run(command, ...args) {
  const { status, error, stdout } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["inherit", "pipe", "inherit"],
    maxBuffer: 64 << 20,
  });
  if (error) stop(`${command} could not be started (${error.code}): run \`npm run setup\``);
  if (status !== 0) stop(`\`${command}\` failed, see above`);
  return stdout;
}

function stop(reason) {
  console.error(`build: ${reason}`);
  process.exit(1);
}
