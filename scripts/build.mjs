// Builds the Worker into build/, which wrangler uploads as it is: index.js and index_bg.wasm.
//
//   cargo ─► raw Wasm ─► serin-bindgen ─► build/glue/index.js, snippets/…/shim.js      index_bg.wasm
//                                              └─ esbuild ─► build/index.js                 └─ wasm-opt ─► build/index_bg.wasm
//
//   console/src ─ esbuild ─► build/console/
//
//   node scripts/build.mjs [--features NAME] [--out FOLDER]
//
// Everything comes from the package registries. CONTRIBUTING.md says how worker-build makes the same Worker.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const { values: options } = parseArgs({ options: { features: { type: "string" }, out: { type: "string", default: "build" } } });

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const OUT = join(ROOT, options.out);
const GLUE = join(OUT, "glue");
const STAMP = join(GLUE, "made-from");
const TARGET = "wasm32-unknown-unknown";
const PROFILE = "wasm";

// WebAssembly features that rustc uses for this target. wasm-opt refuses others, and the Workers runtime supports all of these.
const WASM_FEATURES = [
  "bulk-memory",
  "bulk-memory-opt",
  "call-indirect-overlong",
  "exception-handling",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
];

const raw = compile();
const made = fingerprint();
// Generator and optimiser take seconds, so they run only after a change.
if (!existsSync(join(OUT, "index_bg.wasm")) || !existsSync(STAMP) || readFileSync(STAMP, "utf8") !== made) {
  glue();
  optimise();
  writeFileSync(STAMP, made);
}
await bundle();
await bundleConsole();
report();

function compile() {
  // Local paths are removed, so that the Wasm is the same on every machine.
  const sources = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry", "src");
  const flags = `target.${TARGET}.rustflags=${JSON.stringify([`--remap-path-prefix=${sources}=crates`])}`;
  const features = options.features ? ["--features", options.features] : [];
  run("cargo", "--config", flags, "build", "--locked", "--profile", PROFILE, "--target", TARGET, "-p", "serin", ...features);
  const { target_directory } = JSON.parse(run("cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"));
  return join(target_directory, TARGET, PROFILE, "serin.wasm");
}

function fingerprint() {
  const hash = createHash("sha256");
  const shim = join(ROOT, "src/shim.js");
  for (const file of [raw, shim, fileURLToPath(import.meta.url), join(ROOT, "crates/bindgen/src/main.rs")]) hash.update(readFileSync(file));
  return hash.digest("hex");
}

function glue() {
  rmSync(GLUE, { recursive: true, force: true });
  run("cargo", "run", "--locked", "--quiet", "-p", "serin-bindgen", "--", raw, GLUE, "index");
  // The generator imports the module at source phase, which the Workers runtime does not know: there, a plain import
  // of a CompiledWasm module already is the module.
  const path = join(GLUE, "index.js");
  const written = readFileSync(path, "utf8");
  const line = 'import source wasmModule from "./index_bg.wasm"';
  if (!written.includes(line)) {
    stop(`${path} has no line \`${line}\`: the generator changed its output, adapt scripts/build.mjs to it`);
  }
  writeFileSync(path, written.replace(line, line.replace("import source", "import")));
}

function optimise() {
  mkdirSync(OUT, { recursive: true });
  const features = WASM_FEATURES.map((feature) => `--enable-${feature}`);
  const [input, output] = [join(GLUE, "index_bg.wasm"), join(OUT, "index_bg.wasm")];
  run(tool("wasm-opt"), "-O3", "--strip-debug", "--strip-producers", ...features, input, "-o", output);
}

/** Bundles from the shim, which the generator has copied to a folder below the glue that the shim imports. */
async function bundle() {
  const [crate] = readdirSync(join(GLUE, "snippets")).filter((name) => /^serin-[0-9a-f]+$/.test(name));
  const esbuild = await import("esbuild").catch(() => stop("esbuild is missing: run `npm run setup`"));
  const { outputFiles } = await esbuild.build({
    absWorkingDir: ROOT,
    write: false,
    // Only the shim's exports for the runtime are kept. The others are for Rust.
    stdin: {
      contents: `export { default, RolloutController, MetricsShard } from "./snippets/${crate}/src/shim.js";`,
      resolveDir: GLUE,
    },
    outfile: join(OUT, "index.js"),
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["cloudflare:*", "./index_bg.wasm"],
    logLevel: "warning",
    // The generator repeats keys of its import object.
    logOverride: { "duplicate-object-key": "silent" },
  }).catch(() => stop("esbuild could not bundle src/shim.js, see above"));
  place(outputFiles);
}

/** The console's page, which the Worker serves from its assets: src/console.rs. */
async function bundleConsole() {
  const [from, to] = [join(ROOT, "console"), join(OUT, "console")];
  const esbuild = await import("esbuild").catch(() => stop("esbuild is missing: run `npm run setup`"));
  const { outputFiles } = await esbuild.build({
    write: false,
    entryPoints: [
      { in: join(from, "src/main.tsx"), out: "console" },
      { in: join(from, "style/main.css"), out: "console" },
    ],
    outdir: to,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome111", "firefox115", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    logLevel: "warning",
  }).catch(() => stop("esbuild could not bundle console/, see above"));
  const copied = ["console.html", "console.svg"].map((file) => ({ path: join(to, file), contents: readFileSync(join(from, file)) }));
  place([...outputFiles, ...copied], to);
}

/** Writes files that changed, each at once. Tests and `wrangler dev` may read them meanwhile. Other files of `folder` are removed. */
function place(files, folder) {
  for (const { path, contents } of files) {
    if (existsSync(path) && readFileSync(path).equals(contents)) continue;
    mkdirSync(dirname(path), { recursive: true });
    const temporary = join(OUT, `.${basename(path)}.${process.pid}`);
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
  }
  if (folder === undefined) return;
  const kept = new Set(files.map(({ path }) => basename(path)));
  for (const name of readdirSync(folder)) if (!kept.has(name)) rmSync(join(folder, name), { recursive: true });
}

function report() {
  for (const file of ["index.js", "index_bg.wasm", "console/console.js", "console/console.css"]) {
    const bytes = readFileSync(join(OUT, file));
    console.log(`build: ${relative(ROOT, join(OUT, file))} ${kib(bytes)} (${kib(gzipSync(bytes))} gzipped)`);
  }
}

function kib(bytes) {
  return `${(bytes.length / 1024).toFixed(1)} KiB`;
}

function tool(name) {
  const path = join(ROOT, "node_modules", ".bin", name);
  return existsSync(path) ? path : stop(`${name} is missing: run \`npm run setup\``);
}

/** Runs a command with its stderr visible. Returns its stdout. */
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
