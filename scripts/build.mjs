// Builds the Worker into build/, which wrangler uploads as it is: index.js with serin.wasm, the request path, and control.js
// with control.wasm, the control plane, which index.js imports when it is first needed. Each of the two is made so:
//
//   cargo ─► raw.wasm ─► serin-bindgen ─► build/bindgen/NAME.js + NAME_bg.wasm
//                                              │                     │ wasm-opt
//            entry.js ─────── esbuild ─────────┴─► build/*.js        └─► build/NAME.wasm

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const BUILD = join(ROOT, "build");
const GLUE = join(BUILD, "bindgen");
const TARGET = "wasm32-unknown-unknown";
const PROFILE = "wasm";
const MODULES = [
  { name: "serin", crate: "serin", artefact: "serin.wasm", entry: "src/entry.js", script: "index.js" },
  {
    name: "control",
    crate: "serin-control",
    artefact: "serin_control.wasm",
    entry: "control/src/entry.js",
    script: "control.js",
  },
];

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

const artefacts = compile();
for (const module of MODULES) {
  const raw = join(artefacts, module.artefact);
  if (changed(module, raw)) {
    const made = fingerprint(raw);
    glue(module, raw);
    optimise(module);
    writeFileSync(stamp(module), made);
  }
  await bundle(module);
}
report();

function compile() {
  // Where the crates lie on this machine is nobody's business, and would make each machine's Wasm another.
  const sources = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry", "src");
  // SHA-256 unrolled is 8 KiB of code for a hash of a hundred bytes now and then.
  const rustflags = [`--remap-path-prefix=${sources}=crates`, '--cfg=sha2_backend_soft="compact"'];
  const flags = `target.${TARGET}.rustflags=${JSON.stringify(rustflags)}`;
  run("cargo", "--config", flags, "build", "--locked", "--profile", PROFILE, "--target", TARGET, ...crates());
  const { target_directory } = JSON.parse(run("cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"));
  return join(target_directory, TARGET, PROFILE);
}

function crates() {
  return MODULES.flatMap(({ crate }) => ["-p", crate]);
}

/** Generator and optimiser take seconds, and a developer saves often. */
function changed(module, raw) {
  const isMade = existsSync(stamp(module)) && existsSync(wasm(module));
  const made = isMade ? readFileSync(stamp(module), "utf8") : "";
  return made !== fingerprint(raw);
}

function fingerprint(raw) {
  const hash = createHash("sha256");
  for (const file of [raw, fileURLToPath(import.meta.url), join(ROOT, "crates/bindgen/src/main.rs")]) {
    hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}

function stamp({ name }) {
  return join(GLUE, `${name}.made-from`);
}

function wasm({ name }) {
  return join(BUILD, `${name}.wasm`);
}

function glue({ name }, raw) {
  run("cargo", "run", "--locked", "--quiet", "-p", "serin-bindgen", "--", raw, GLUE, name);
  // The generator imports the module at source phase, which the Workers runtime does not know: there, a plain import
  // of a CompiledWasm module already is the module.
  const path = join(GLUE, `${name}.js`);
  const written = readFileSync(path, "utf8");
  const line = `import source wasmModule from "./${name}_bg.wasm"`;
  if (!written.includes(line)) {
    stop(`${path} has no line \`${line}\`: the generator changed its output, adapt scripts/build.mjs to it`);
  }
  writeFileSync(path, written.replace(line, `import wasmModule from "./${name}.wasm"`));
}

function optimise(module) {
  mkdirSync(BUILD, { recursive: true });
  const features = WASM_FEATURES.map((feature) => `--enable-${feature}`);
  const input = join(GLUE, `${module.name}_bg.wasm`);
  run(tool("wasm-opt"), "-Oz", "--strip-debug", "--strip-producers", ...features, input, "-o", wasm(module));
}

async function bundle({ name, entry, script }) {
  const esbuild = await import("esbuild").catch(() => stop("esbuild is missing: run `npm run setup`"));
  await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: join(BUILD, script),
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["cloudflare:*", `./${name}.wasm`, "./control.js"],
    logLevel: "warning",
    // The generator repeats keys of its import object.
    logOverride: { "duplicate-object-key": "silent" },
  }).catch(() => stop(`esbuild could not bundle ${entry}, see above`));
}

function report() {
  for (const file of MODULES.flatMap(({ name, script }) => [`build/${script}`, `build/${name}.wasm`])) {
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
