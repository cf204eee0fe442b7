import { execProcess } from "../agent-requests.ts";
import { Exec } from "../machine/exec.ts";
import type { Machine } from "../machine/machine.ts";
import type { VmConfig } from "../records/vm-record.ts";
import type { Secrets } from "../secrets.ts";
import type { ProbeRun } from "./health-check.ts";
import { LimitedOutput } from "./limited-output.ts";

const killSignal = 9;

/** What a probe needs of a VM. */
interface ProbedVm {
  readonly id: string;
  readonly config: VmConfig;
  readonly secrets: Secrets;
  requireMachine(): Machine;
}

/**
 * Starts a health check's command in a guest, as an exec that no client sees. @throws VM_NOT_RUNNING,
 * COMMAND_NOT_FOUND, …
 */
export async function startProbe(vm: ProbedVm, command: string[]): Promise<ProbeRun> {
  const machine = vm.requireMachine();
  const { env } = await vm.secrets.known();
  const exec = new Exec({ vmId: vm.id, process: execProcess(vm.config, env, { vm: vm.id, command }) });
  const stream = await machine.exec(exec);
  const output = new LimitedOutput();
  stream?.on("data", (chunk: Buffer) => output.push(chunk));
  stream?.on("error", () => undefined);
  // Its exit is told of on another connection than its last words.
  const ended = new Promise<void>((resolve) => {
    if (!stream) resolve();
    for (const event of ["end", "close"]) stream?.once(event, resolve);
  }).then(() => stream?.destroy());
  return {
    exited: ended.then(() => exec.exited),
    output: () => output.text,
    kill: () => void machine.signal(exec.id, killSignal).catch(() => undefined),
  };
}
