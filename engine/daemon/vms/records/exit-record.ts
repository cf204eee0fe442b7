/** Exit records that the engine writes, where the monitor could not, and what a record means. */
import { existsSync } from "node:fs";
import * as v from "valibot";
import { MockerError } from "../../../protocol/errors.ts";
import type { VmState } from "../../../protocol/vm.ts";
import { exitShape } from "./record-shapes.ts";
import type { ExitReason, VmExitRecord, VmFiles } from "./vm-record.ts";

const rewriteMs = 5000;

/** Docker's exit code for a process that could not be started. */
export function startExitCode(failure: unknown): number {
  const code = failure instanceof MockerError ? failure.code : "INTERNAL";
  return code === "COMMAND_NOT_FOUND" ? 127 : code === "COMMAND_NOT_EXECUTABLE" ? 126 : 125;
}

/** Of a start that failed. */
export function failedStart(failure: Error): VmExitRecord {
  return {
    version: 1,
    exitCode: startExitCode(failure),
    signal: null,
    reason: "start-failed",
    message: failure.message,
    startedAt: null,
    finishedAt: new Date().toISOString(),
  };
}

/** Of a start that somebody ended while the VM booted: that is no failure of the VM. */
export function cancelledStart(message: string): VmExitRecord {
  return killed(message, null);
}

/** Of a VM whose monitor was killed before it could write one. */
export function killedMonitor(startedAt: string | null): VmExitRecord {
  return killed("the VM's process (mocker-vmm) was killed from outside", startedAt);
}

/** Of a VM whose monitor has ended by itself without writing one. */
export function failedMonitor(startedAt: string | null): VmExitRecord {
  return {
    version: 1,
    exitCode: startedAt === null ? 125 : 137,
    signal: null,
    reason: startedAt === null ? "start-failed" : "vm-died",
    message: "the VM's monitor (mocker-vmm) has failed and could not record why, as on a full disk",
    startedAt,
    finishedAt: new Date().toISOString(),
  };
}

/** Of a VM that has ended, nobody knows how: its record cannot be read. */
export function unreadableExit(problem: string, finishedAt: Date): VmExitRecord {
  return {
    version: 1,
    exitCode: 255,
    signal: null,
    reason: "vm-died",
    message: `how it ended is not known: ${problem}`,
    startedAt: null,
    finishedAt: finishedAt.toISOString(),
  };
}

/** What a monitor has told of a VM's end, if it makes sense. */
export function toldExit(value: unknown): VmExitRecord | undefined {
  const result = v.safeParse(exitShape, value);
  return result.success ? result.output : undefined;
}

/**
 * Writes the exit record of a VM that has ended; where the disk does not take it, again and again until it
 * does, the VM is gone or runs again.
 * @param isRunning whether a monitor has the directory, and writes itself
 */
export function keepExit(
  files: VmFiles,
  exit: VmExitRecord,
  { isRunning, onError }: { isRunning: () => boolean; onError: (error: unknown) => void },
): void {
  const write = (isFirst: boolean): void => {
    try {
      if (!isFirst && (!existsSync(files.dir) || isRunning())) return;
      files.writeExit(exit);
    } catch (error) {
      if (isFirst) onError(error);
      setTimeout(write, rewriteMs, false).unref();
    }
  };
  write(true);
}

/** Ends of VMs whose main process never ran. */
const failures: readonly ExitReason[] = ["boot-failed", "start-failed", "jail-refused"];

export function stateAfter(exit: VmExitRecord): VmState {
  return failures.includes(exit.reason) ? "failed" : "exited";
}

function killed(message: string, startedAt: string | null): VmExitRecord {
  return {
    version: 1,
    exitCode: 137,
    signal: 9,
    reason: "vmm-killed",
    message,
    startedAt,
    finishedAt: new Date().toISOString(),
  };
}
