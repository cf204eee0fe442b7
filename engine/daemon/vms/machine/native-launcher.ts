import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import {
  agentPath,
  isLocked,
  killProcess,
  processStartTime,
  spawnVmm,
  watchProcess,
} from "../../../../native/index.ts";
import type { HostUsage, Launcher, MonitorProcess } from "./launcher.ts";

/** USER_HZ and the page size of the machines that there are libkruns for. */
const tickMs = 10;
const pageBytes = 4096;

/** Launches `mocker-vmm`. */
export class NativeLauncher implements Launcher {
  get agentPath(): string {
    return agentPath();
  }

  spawn(specPath: string, logPath: string): MonitorProcess {
    // Without a descriptor left the start time could not be read, and the monitor not be told from others.
    const spare = openSync("/dev/null", "r");
    let pid = 0;
    let exited: Promise<number | null>;
    try {
      exited = new Promise((resolve) => {
        ({ pid } = spawnVmm({ specPath, logPath, onExit: resolve }));
      });
    } finally {
      closeSync(spare);
    }
    const startTimeTicks = processStartTime(pid);
    // It has ended, and waits to be reaped, or nobody could tell it from others.
    if (startTimeTicks === null) process.kill(pid, "SIGKILL");
    return { pid, startTimeTicks: startTimeTicks ?? 0, exited };
  }

  watch({ pid, startTimeTicks }: MonitorProcess, onExit: () => void): void {
    const watch = watchProcess(pid, startTimeTicks, () => {
      watch.close();
      onExit();
    });
  }

  kill({ pid, startTimeTicks }: MonitorProcess): void {
    killProcess(pid, startTimeTicks, 9);
  }

  usage({ pid, startTimeTicks }: MonitorProcess): HostUsage | undefined {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, "latin1");
      // proc_pid_stat(5), from the third field on: the second, a name, may have anything in it.
      const fields = text
        .slice(text.lastIndexOf(")") + 2)
        .split(" ")
        .map(Number);
      const [userTicks = 0, systemTicks = 0] = fields.slice(11);
      if (fields[19] !== startTimeTicks) return undefined;
      return { cpuMs: (userTicks + systemTicks) * tickMs, residentBytes: (fields[21] ?? 0) * pageBytes };
    } catch {
      return undefined;
    }
  }

  isLocked(lockPath: string): boolean {
    return isLocked(lockPath);
  }

  holderOf(lockPath: string): MonitorProcess | undefined {
    const inode = statSync(lockPath).ino;
    // 1: FLOCK  ADVISORY  WRITE 1234 08:01:123456 0 EOF
    for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
      const [, kind, , , pidText = "", file = ""] = line.split(/\s+/);
      const pid = Number(pidText);
      if (kind !== "FLOCK" || file.split(":").at(-1) !== String(inode) || !(pid > 0)) continue;
      const startTimeTicks = processStartTime(pid);
      if (startTimeTicks !== null) return { pid, startTimeTicks };
    }
    return undefined;
  }
}
