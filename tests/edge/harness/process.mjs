// One workerd process with one configuration: the tests start it, wait for its sockets, and kill it at any time.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

const WORKERD = join(import.meta.dirname, "..", "..", "..", "node_modules", ".bin", "workerd");

export class Workerd {
  #process;
  ports = {};

  /** Starts the process in `directory`; `output` collects its lines. Returns when all `sockets` listen. */
  async start(directory, config, sockets, output) {
    const file = join(directory, `${sockets.join("-")}.capnp`);
    await writeFile(file, config);
    this.#process = spawn(WORKERD, ["serve", "--experimental", "--control-fd=3", file], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      createInterface(stream).on("line", (line) => output.push(line));
    }
    const gone = once(this.#process, "exit").then(() => {
      throw new Error(`workerd ended before it listened:\n${output.join("\n")}`);
    });
    gone.catch(() => {});
    const ready = new Promise((resolve) => {
      createInterface(this.#process.stdio[3]).on("line", (line) => {
        const { event, socket, port } = JSON.parse(line);
        if (event === "listen") this.ports[socket] = port;
        if (sockets.every((name) => this.ports[name])) resolve();
      });
    });
    await Promise.race([ready, gone]);
  }

  /** Kills the process at once. */
  async kill() {
    if (!this.#process || this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  /** Peak memory in bytes, or 0 on systems without this information (outside Linux). */
  async peakMemory() {
    const status = await readFile(`/proc/${this.#process.pid}/status`, "utf8").catch(() => "");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  }

  /** Present memory in bytes, number of open files and sockets, and CPU time so far in ms; outside Linux 0. */
  async resources() {
    const proc = `/proc/${this.#process.pid}`;
    const status = await readFile(`${proc}/status`, "utf8").catch(() => "");
    const files = await readdir(`${proc}/fd`).catch(() => []);
    const stat = await readFile(`${proc}/stat`, "utf8").catch(() => "");
    // Fields 14 and 15 of proc(5), in ticks of a hundredth of a second. The name before them may contain spaces.
    const [user = 0, system = 0] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
    return { cpuMs: (user + system) * 10, memory: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024, files: files.length };
  }
}
