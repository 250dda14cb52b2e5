// `npm run package`: what a release contains, as far as this machine can build it, into dist/.
//
//   serin-worker-VERSION.tar.gz        the built Worker, for people without Rust: wrangler deploys it as it is
//   serin-VERSION-TARGET.tar.gz        the command line for this machine's system, or for the one that --target names
//   npm/                               the npm package `serin-cli`, with every command line that is in dist
//   SHA256SUMS                         of all archives
//
//   node scripts/package.mjs [--only worker|cli|npm] [--target TRIPLE]

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const ROOT = join(import.meta.dirname, "..");
const DIST = join(ROOT, "dist");
const LICENSES = ["LICENSE-MIT", "LICENSE-APACHE"];
const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const { values } = parseArgs({ options: { only: { type: "string" }, target: { type: "string" } } });
const PARTS = { worker, cli, npm };

if (values.only !== undefined && !(values.only in PARTS)) stop(`--only is ${values.only}, should be worker, cli or npm`);
mkdirSync(DIST, { recursive: true });
for (const [name, part] of Object.entries(PARTS)) {
  if (values.only === undefined || values.only === name) part();
}
checksums();

/** The built Worker with its configuration. */
function worker() {
  run("node", ["scripts/build.mjs"]);
  const name = `serin-worker-${version}`;
  const folder = empty(name);
  for (const file of ["index.js", "index_bg.wasm", "console"]) {
    const built = join("build", file);
    if (existsSync(join(ROOT, built))) cpSync(join(ROOT, built), join(folder, built), { recursive: true });
  }
  // `serin init` fills the same text in.
  cpSync(join(ROOT, "crates/cli/src/commands/init/wrangler.jsonc"), join(folder, "wrangler.jsonc"));
  cpSync(join(ROOT, "docs", "without-rust.md"), join(folder, "README.md"));
  for (const file of LICENSES) cpSync(join(ROOT, file), join(folder, file));
  archive(name);
}

/** The command line. */
function cli() {
  const target = values.target ?? hostTarget();
  run("cargo", ["build", "--locked", "--release", "-p", "serin-cli", "--target", target]);
  const name = `serin-${version}-${target}`;
  const folder = empty(name);
  const program = target.includes("windows") ? "serin.exe" : "serin";
  cpSync(join(targetFolder(), target, "release", program), join(folder, program));
  for (const file of LICENSES) cpSync(join(ROOT, file), join(folder, file));
  archive(name);
}

/** The npm package: every command line that dist has, and a script that starts the one for the system it runs on. */
function npm() {
  const folder = empty("npm");
  const [prefix, end] = [`serin-${version}-`, ".tar.gz"];
  const archives = readdirSync(DIST).filter((name) => name.startsWith(prefix) && name.endsWith(end));
  if (archives.length === 0) stop("dist has no command line yet: run it with --only cli first");
  for (const name of archives) {
    const bin = join(folder, "bin", name.slice(prefix.length, -end.length));
    mkdirSync(bin, { recursive: true });
    run("tar", ["-xzf", join(DIST, name), "--strip-components", "1", "-C", bin]);
  }
  cpSync(join(ROOT, "scripts", "package", "serin.mjs"), join(folder, "serin.mjs"));
  cpSync(join(ROOT, "docs", "cli.md"), join(folder, "README.md"));
  const manifest = {
    name: "serin-cli",
    version,
    description: "The operators' command line of Serin, a canary traffic splitter for Cloudflare Workers",
    license: "MIT OR Apache-2.0",
    type: "module",
    bin: { serin: "serin.mjs" },
    files: ["bin", "serin.mjs"],
    engines: { node: ">=20" },
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  run("npm", ["pack", "--silent", "--pack-destination", DIST, folder]);
}

function checksums() {
  const archives = readdirSync(DIST).filter((name) => /\.(tar\.gz|tgz)$/.test(name)).sort();
  const lines = archives.map((name) => `${createHash("sha256").update(readFileSync(join(DIST, name))).digest("hex")}  ${name}\n`);
  writeFileSync(join(DIST, "SHA256SUMS"), lines.join(""));
  for (const name of archives) console.log(`package: dist/${name}`);
}

// === steps ===

function empty(name) {
  const folder = join(DIST, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function archive(name) {
  run("tar", ["-czf", `${name}.tar.gz`, name], DIST);
}

function hostTarget() {
  const { stdout } = spawnSync("rustc", ["-vV"], { encoding: "utf8" });
  return /^host: (.+)$/m.exec(stdout ?? "")?.[1] ?? stop("rustc is missing: run `npm run setup`");
}

function targetFolder() {
  const { stdout } = spawnSync("cargo", ["metadata", "--locked", "--no-deps", "--format-version", "1"], { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 });
  return JSON.parse(stdout).target_directory;
}

function run(command, args, cwd = ROOT) {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) stop(`\`${[command, ...args].join(" ")}\` failed, see above`);
}

function stop(why) {
  console.error(`package: ${why}`);
  process.exit(1);
}
