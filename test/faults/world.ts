import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterFile } from "../support/after-file.ts";
import { adminPath } from "../support/host.ts";
import { Mocker } from "../support/mocker.ts";
import {
  isAlive,
  killQuietly,
  monitorsOf,
  networkProcessesOf,
  processesWithEnvironment,
} from "../support/processes.ts";

/**
 * What a campaign harms: a home of its own, whose data are, for root, on a small file system of their own.
 */
export class World {
  readonly mocker: Mocker;
  readonly hasOwnDisk: boolean;
  /** Whether {@link fillDisk} has taken all there is. */
  isFull = false;
  readonly #ballast: string;

  constructor() {
    this.mocker = new Mocker();
    this.hasOwnDisk = process.getuid?.() === 0;
    this.#ballast = join(this.mocker.dir, "d", "ballast");
    if (this.hasOwnDisk) {
      const disk = join(this.mocker.dir, "d");
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=256m,mode=700", "mocker-faults", disk]);
    }
    mkdirSync(this.mocker.dataDir, { recursive: true, mode: 0o700 });
    afterFile(() => this.close());
  }

  /** Leaves no block free. */
  fillDisk(): void {
    const script =
      'dd if=/dev/zero of="$1" bs=1M 2>/dev/null; dd if=/dev/zero of="$1.rest" bs=4k 2>/dev/null; true';
    this.isFull = true;
    execFileSync("sh", ["-c", script, "sh", this.#ballast]);
  }

  freeDisk(): void {
    this.isFull = false;
    rmSync(this.#ballast, { force: true });
    rmSync(`${this.#ballast}.rest`, { force: true });
  }

  /** Pid of the engine that runs, if one does. It is not started. */
  enginePid(): number | undefined {
    return processesWithEnvironment(`MOCKER_TEST_HOME=${this.mocker.dir}`).find((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("engine.js");
      } catch {
        return false;
      }
    });
  }

  /** The monitors of VMs by the VMs' IDs. */
  monitors(): Map<string, number> {
    const state = join(this.mocker.dataDir, "state");
    const found = new Map<string, number>();
    const alive = new Set(monitorsOf(this.mocker.dataDir));
    for (const id of namesIn(state)) {
      try {
        const { pid } = JSON.parse(readFileSync(join(state, id, "runtime.json"), "utf8")) as { pid: number };
        if (alive.has(pid)) found.set(id, pid);
      } catch {
        // It is being written, or removed.
      }
    }
    return found;
  }

  /** The name of a VM, by its record. */
  nameOf(id: string): string {
    try {
      const record = readFileSync(join(this.mocker.dataDir, "state", id, "config.json"), "utf8");
      return (JSON.parse(record) as { name: string }).name;
    } catch {
      return "";
    }
  }

  networkProcesses(): number[] {
    return networkProcessesOf(this.mocker.runDir);
  }

  /** The child of a monitor: the VM, or the simulation's PID 1. */
  childOf(monitor: number): number | undefined {
    try {
      const children = readFileSync(`/proc/${monitor}/task/${monitor}/children`, "utf8").trim();
      return children === "" ? undefined : Number(children.split(" ")[0]);
    } catch {
      return undefined;
    }
  }

  /** Takes an engine's descriptors away, but for some. @returns gives them back */
  limitDescriptors(pid: number, spare: number): () => void {
    const open = namesIn(`/proc/${pid}/fd`).length;
    const limit = /^Max open files +(\d+) +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"));
    const set = (soft: number): void => {
      const value = `${soft}:${limit?.[2] ?? soft}`;
      execFileSync("prlimit", [`--pid=${pid}`, `--nofile=${value}`], { stdio: "ignore" });
    };
    set(open + spare);
    return () => {
      if (isAlive(pid)) set(Number(limit?.[1] ?? 1024));
    };
  }

  async close(): Promise<void> {
    this.freeDisk();
    const disk = join(this.mocker.dir, "d");
    if (this.hasOwnDisk && isMounted(disk)) {
      for (const pid of this.mocker.processes()) killQuietly(pid);
      execFileSync("umount", ["--lazy", disk], { env: { ...process.env, PATH: adminPath } });
    }
    await this.mocker.close();
  }
}

export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isMounted(directory: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8").includes(` ${directory} `);
}
