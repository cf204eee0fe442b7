/** Exit records that the engine writes, where the monitor could not, and what a record means. */
import { MockerError } from "../../../protocol/errors.ts";
import type { VmState } from "../../../protocol/vm.ts";
import type { VmExitRecord } from "./vm-record.ts";

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

export function stateAfter(exit: VmExitRecord): VmState {
  return exit.reason === "boot-failed" || exit.reason === "start-failed" ? "failed" : "exited";
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
