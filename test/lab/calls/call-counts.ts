import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A system call in a VM's process under its filter: how often it was made, and what came of it. */
export interface CallCount {
  count: number;
  /** Names of errors. */
  errors: Set<string>;
}

/**
 * Counts the system calls of VMs' processes from when their filter was installed.
 * @param directory has strace's output, one file for each thread
 */
export function countCalls(directory: string): Map<string, CallCount> {
  const counts = new Map<string, CallCount>();
  for (const name of readdirSync(directory)) {
    for (const line of linesOfVm(readFileSync(join(directory, name), "latin1"))) {
      const call = /^(\w+)\(/.exec(line)?.[1];
      if (call === undefined) continue;
      const known = counts.get(call) ?? { count: 0, errors: new Set<string>() };
      counts.set(call, known);
      known.count++;
      const error = /= -1 (E[A-Z0-9]+)/.exec(line)?.[1];
      if (error !== undefined) known.errors.add(error);
    }
  }
  return counts;
}

/**
 * Monitors and helpers begin with a program; a VM's first thread, a fork of its monitor, installs the filter;
 * all others come after that.
 */
function linesOfVm(text: string): string[] {
  const lines = text.split("\n");
  if (lines.some((line) => line.startsWith("execve("))) return [];
  const installed = lines.findLastIndex((line) => /^seccomp\(|^prctl\(0x16,/.test(line));
  return lines.slice(installed + 1);
}
