/** Exit records that the engine writes, where the monitor could not, and what a record means. */
import { MockerError } from "../../../protocol/errors.ts";
import type { VmState } from "../../../protocol/vm.ts";
import type { VmExitRecord } from "./vm-record.ts";

/** Of a start that failed, with Docker's exit code for it. */
export function failedStart(failure: Error): VmExitRecord {
  const code = failure instanceof MockerError ? failure.code : "INTERNAL";
  return {
    version: 1,
    exitCode: code === "COMMAND_NOT_FOUND" ? 127 : code === "COMMAND_NOT_EXECUTABLE" ? 126 : 125,
    signal: null,
    reason: "start-failed",
    message: failure.message,
    startedAt: null,
    finishedAt: new Date().toISOString(),
  };
}

/** Of a VM whose monitor was killed before it could write one. */
export function killedMonitor(startedAt: string | null): VmExitRecord {
  return {
    version: 1,
    exitCode: 137,
    signal: 9,
    reason: "vmm-killed",
    message: "the VM's process (mocker-vmm) was killed from outside",
    startedAt,
    finishedAt: new Date().toISOString(),
  };
}

export function stateAfter(exit: VmExitRecord): VmState {
  return exit.reason === "boot-failed" || exit.reason === "start-failed" ? "failed" : "exited";
}
