// `npm run test:worker-build`: builds the unchanged crate with stock worker-build and runs the end-to-end tests on the result. The check
// shows that Serin is an ordinary workers-rs crate. The deployed build is the pinned build of scripts/build.mjs.
//
//   npm run test:worker-build -- [tests/edge/NAME.test.mjs …]   the default is all that apply
//
// The first run compiles two tools into target/worker-build, which takes minutes, and on Linux needs pkg-config and OpenSSL's headers.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const TOOLS = join(ROOT, "target", "worker-build");
const OUTPUT = "build/worker-build";
const WORKER_BUILD = "0.8.7";
// The generator must have the same version as the linked crate.
const WASM_BINDGEN = /^name = "wasm-bindgen"\nversion = "(.*)"$/m.exec(readFileSync(join(ROOT, "Cargo.lock"), "utf8"))[1];

/** Test files that do not apply to this output. */
const EXCEPT = {
  "trap.test.mjs": "it tests src/shim.js, and worker-build has its own shim",
  "canary-wrangler.test.mjs": "wrangler runs what wrangler.toml names, the pinned build",
  "local-kv.test.mjs": "likewise",
  "npm-start.test.mjs": "likewise",
};
/** Single tests of src/shim.js, in files that apply otherwise. */
const EXCEPT_TESTS = ["a panic in every tenth request", "a panic while", "the Worker exports its fetch and its two objects"];

const workerBuild = tool("worker-build", WORKER_BUILD, "--locked", "worker-build", "--version", WORKER_BUILD);
// Not --locked, because the published lock file names a withdrawn crate.
const wasmBindgen = tool("wasm-bindgen", WASM_BINDGEN, "wasm-bindgen-cli", "--version", WASM_BINDGEN);
build();
test(process.argv.slice(2));

/** The path of an installed tool. Installs the tool if it is missing or has another version. */
function tool(name, version, ...crate) {
  const path = join(TOOLS, "bin", name);
  const installed = existsSync(path) ? spawnSync(path, ["--version"], { encoding: "utf8" }).stdout : "";
  if (!installed.trim().endsWith(version)) {
    console.log(`test:worker-build: installing ${name} ${version} into target/worker-build, which takes minutes …`);
    run("cargo", ["install", "--quiet", "--root", TOOLS, ...crate]);
  }
  return path;
}

function build() {
  // Each path must exist, because worker-build would download a missing tool.
  const bin = (name) => {
    const path = join(ROOT, "node_modules", ".bin", name);
    return existsSync(path) ? path : stop(`${name} is missing: run \`npm run setup\``);
  };
  run(workerBuild, ["--release", "--out-dir", OUTPUT], {
    WASM_BINDGEN_BIN: wasmBindgen,
    WASM_OPT_BIN: bin("wasm-opt"),
    ESBUILD_BIN: bin("esbuild"),
  });
}

function test(wanted) {
  const all = readdirSync(join(ROOT, "tests", "edge")).filter((file) => file.endsWith(".test.mjs"));
  const files = wanted.length > 0 ? wanted : all.filter((file) => !(file in EXCEPT)).map((file) => join("tests", "edge", file));
  for (const [file, reason] of Object.entries(EXCEPT)) {
    if (wanted.some((path) => basename(path) === file)) stop(`${file} does not apply: ${reason}`);
  }
  const skips = EXCEPT_TESTS.map((name) => `--test-skip-pattern=${name}`);
  run(process.execPath, ["--test", "--test-reporter=spec", ...skips, ...files], { SERIN_BUILD: OUTPUT });
}

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...env } });
  if (error) stop(`${command} could not be started (${error.code})`);
  if (status !== 0) stop(`\`${[basename(command), ...args].join(" ")}\` failed, see above`);
}

function stop(reason) {
  console.error(`test:worker-build: ${reason}`);
  process.exit(1);
}
