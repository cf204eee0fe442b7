import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Start time in clock ticks after boot, undefined when there is no such process (or only its zombie). */
export function processStartTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // Field 2 is the program's name in parentheses, which may contain anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

export function isAlive(pid: number): boolean {
  return processStartTime(pid) !== undefined;
}

/** Processes whose environment has `entry` (`NAME=value`), but for this one. */
export function processesWithEnvironment(entry: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, "latin1").split("\0").includes(entry);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The command line of each process that can be read, its words apart by spaces. */
export function commandLines(): string[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? [readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")] : [];
    } catch {
      return [];
    }
  });
}

/**
 * Monitors of VMs whose records are under `dataDir`; VM processes have no environment of ours to be known by.
 */
export function monitorsOf(dataDir: string): number[] {
  const state = join(dataDir, "state");
  let ids: string[];
  try {
    ids = readdirSync(state);
  } catch {
    return [];
  }
  return ids.flatMap((id) => {
    try {
      const record = JSON.parse(readFileSync(join(state, id, "runtime.json"), "utf8")) as {
        pid: number;
        startTimeTicks: number;
      };
      return processStartTime(record.pid) === record.startTimeTicks ? [record.pid] : [];
    } catch {
      return [];
    }
  });
}

/** Processes of networks whose sockets are under `runDir`; they have no environment of ours either. */
export function networkProcessesOf(runDir: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const [program = "", config = ""] = readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0");
        return program.endsWith("/mocker-netd") && config.startsWith(join(runDir, "net/"));
      } catch {
        return false;
      }
    })
    .map(Number);
}

export function killQuietly(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

/** Processes with `text` in their command line or environment, but for this one. */
export function processesMentioning(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) =>
      ["cmdline", "environ"].some((file) => {
        try {
          return readFileSync(`/proc/${name}/${file}`, "latin1").includes(text);
        } catch {
          return false;
        }
      }),
    )
    .map(Number);
}
