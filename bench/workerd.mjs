// One workerd process: started from plain objects, with ports that it chooses, and a clock of its CPU time.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The executable itself. The command in node_modules/.bin would add a process in between. */
export const WORKERD = createRequire(import.meta.url)("workerd").default;
const COMPATIBILITY_DATE = "2026-11-01";
const START_DEADLINE_MS = 30_000;

/**
 * Starts the workers, `{name, modules: {name: path}, bindings: {NAME: {kind: value}}, objects: [class]}`. The first module is the entry
 * point. Listens for the workers in `doors`. Without flags the engine has workerd's defaults.
 */
export async function start(workers, doors, v8Flags = []) {
  const folder = mkdtempSync(join(tmpdir(), "serin-bench-"));
  // The process runs copies, so that a build beside the benchmark does not change the measured code.
  for (const { name, modules } of workers) {
    for (const [module, path] of Object.entries(modules)) copyFileSync(path, join(folder, `${name}.${module}`));
  }
  mkdirSync(join(folder, "objects"));
  writeFileSync(join(folder, "config.capnp"), configuration(workers, doors, v8Flags));

  const child = spawn(WORKERD, ["serve", "config.capnp", "--control-fd=3"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  // A harmless warning of workerd is hidden. All output is shown if workerd does not start.
  let complaints = "";
  child.stderr.on("data", (text) => (complaints = (complaints + text).slice(-4_000)));
  const stop = async () => {
    process.off("exit", kill);
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const kill = () => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.on("exit", kill);

  try {
    return { pid: child.pid, ports: await listening(child, doors), stop };
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${complaints}`);
  }
}

async function listening(child, doors) {
  const ports = {};
  const late = setTimeout(() => child.kill("SIGKILL"), START_DEADLINE_MS);
  for await (const line of createInterface({ input: child.stdio[3] })) {
    const { event, socket, port } = JSON.parse(line);
    if (event === "listen") ports[socket] = port;
    if (Object.keys(ports).length === doors.length) break;
  }
  clearTimeout(late);
  if (Object.keys(ports).length < doors.length) throw new Error("workerd did not start:");
  return ports;
}

// === configuration ===

function configuration(workers, doors, v8Flags) {
  const services = workers.map(({ name }, at) => `(name = ${quoted(name)}, worker = .w${at})`);
  const sockets = doors.map(
    (name) => `(name = ${quoted(name)}, address = "127.0.0.1:0", http = (), service = ${quoted(name)})`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  v8Flags = [${v8Flags.map(quoted).join(", ")}],
  services = [(name = "objects", disk = (path = "objects", writable = true)), ${services.join(", ")}],
  sockets = [${sockets.join(", ")}],
);
${workers.map(worker).join("\n")}
`;
}

function worker({ name, modules, bindings, objects = [] }, at) {
  const parts = Object.keys(modules).map((module) => {
    const kind = module.endsWith(".wasm") ? "wasm" : "esModule";
    return `(name = ${quoted(module)}, ${kind} = embed ${quoted(`${name}.${module}`)})`;
  });
  const bound = Object.entries(bindings).map(([binding, target]) => {
    const [[kind, value]] = Object.entries(target);
    return `(name = ${quoted(binding)}, ${kind} = ${quoted(String(value))})`;
  });
  const classes = objects.map((of) => `(className = ${quoted(of)}, uniqueKey = ${quoted(`${name}-${of}`)}, enableSql = true)`);
  const kept = classes.length > 0 ? `, durableObjectNamespaces = [${classes.join(", ")}], durableObjectStorage = (localDisk = "objects")` : "";
  return `const w${at} :Workerd.Worker = (modules = [${parts.join(", ")}], compatibilityDate = "${COMPATIBILITY_DATE}", bindings = [${bound.join(", ")}]${kept});`;
}

function quoted(text) {
  return JSON.stringify(text);
}

// === what the process used ===

/** Clock of a process's CPU time in ns. On systems without it, wall time, which is coarser. */
export function cpuClock(pid) {
  const tasks = `/proc/${pid}/task`;
  const onCpu = () => {
    let sum = 0;
    for (const task of readdirSync(tasks)) sum += Number(readFileSync(`${tasks}/${task}/schedstat`, "latin1").split(" ")[0]);
    return sum;
  };
  try {
    onCpu();
    return { kind: "cpu", read: onCpu };
  } catch {
    return { kind: "wall", read: () => performance.now() * 1e6 };
  }
}

/** Resident memory in bytes, or undefined on systems without this information. */
export function residentBytes(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
  } catch {
    return undefined;
  }
}
