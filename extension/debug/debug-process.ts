/** The VM that a debug session made for itself, and the process in a VM that the session is about. */
import type { Socket } from "node:net";
import type { RequestType } from "vscode-jsonrpc/node.js";
import { createVm } from "../../engine/client/create-vm.ts";
import { ProcessStream, type StreamEnd } from "../../engine/client/process-stream.ts";
import {
  type ErrorData,
  MockerError,
  type StreamRef,
  type VmCreateParams,
  vmAttach,
  vmExec,
  vmInspect,
  vmRemove,
  vmStart,
} from "../../engine/protocol/index.ts";

/** Any connection to the engine. */
export interface DebugEngine {
  request<P, R>(type: RequestType<P, R, ErrorData>, params: P): Promise<R>;
  openStream(stream: StreamRef): Promise<Socket>;
}

export interface VmName {
  id: string;
  name: string;
}

export interface DebugVm extends VmName {
  /** How its main process ended, which does nothing but wait for the end of its input. Never rejects. */
  ended: Promise<StreamEnd>;
  /** Never rejects. */
  remove(): Promise<void>;
}

/** Node, or a debug adapter. */
export interface DebugProcess {
  /** Never rejects. */
  ended: Promise<StreamEnd>;
  write(bytes: Uint8Array): void;
  /** An adapter ends with its input. */
  close(): void;
}

/** In the environment of all that a session starts in a VM of its own. */
const marker = "MOCKER_DEBUG_SESSION=1";

/**
 * Makes a VM and starts it; it goes when it is removed, or with the editor. `waiters` are commands that wait
 * for the end of their input: the first that the image has is the VM's main process. `pull` is asked for an
 * image that is not there. Throws MockerError; the VM is gone then.
 */
export async function launchVm(
  engine: DebugEngine,
  params: VmCreateParams,
  waiters: readonly string[][],
  pull: () => Promise<boolean>,
): Promise<DebugVm> {
  const [command = [], ...others] = waiters;
  const { id, name } = await createVm(engine, { ...params, command }, { pull });
  const remove = async (): Promise<void> => {
    // It may have removed itself.
    await engine.request(vmRemove, { vm: id, force: true, volumes: true }).catch(() => undefined);
  };
  try {
    const { stream } = await engine.request(vmAttach, { vm: id, stdin: true });
    const main = new ProcessStream(await engine.openStream(stream), { onOutput: () => undefined });
    await engine.request(vmStart, { vm: id });
    return {
      id,
      name,
      ended: main.ended,
      remove: async () => {
        main.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    if (others.length === 0 || !(error instanceof MockerError) || error.code !== "COMMAND_NOT_FOUND") {
      throw error;
    }
    return await launchVm(engine, params, others, pull);
  }
}

export interface DebugCommand {
  command: string[];
  workingDir?: string;
}

/** Variables for what a session starts in a VM of its own, beside others. */
export function markedEnvironment(env: readonly string[] = []): string[] {
  return [...env, marker];
}

/** Starts a process in a VM that runs. Throws MockerError. */
export async function execProcess(
  engine: DebugEngine,
  vm: VmName,
  what: DebugCommand & { env?: string[] },
  onOutput: (bytes: Uint8Array, isStderr: boolean) => void,
): Promise<DebugProcess> {
  const { stream } = await engine.request(vmExec, { vm: vm.id, ...what, openStdin: true });
  if (stream === undefined) throw new Error("The engine gave no stream.");
  const process = new ProcessStream(await engine.openStream(stream), { onOutput });
  return {
    ended: process.ended,
    write: (bytes) => process.write(bytes),
    close: () => {
      process.endInput();
      process.close();
    },
  };
}

/** Kills what has the marker until nothing is left that has; of Linux's and a shell's own means only. */
const clearing = `round=0
while [ $round -lt 100 ]; do
  left=
  for process in /proc/[0-9]*; do
    case "$(cat "$process/environ" 2>/dev/null)" in
      *${marker}*) left=1; kill -9 "\${process#/proc/}" ;;
    esac
  done
  [ -z "$left" ] && exit 0
  round=$((round + 1))
done
exit 1`;

/** Ends all that a session started in its VM. Returns false if that is not certain. Never rejects. */
export async function clearVm(engine: DebugEngine, vm: VmName): Promise<boolean> {
  try {
    const command = ["sh", "-c", clearing];
    const end = await (await execProcess(engine, vm, { command }, () => undefined)).ended;
    return end.kind === "exit" && end.exitCode === 0;
  } catch {
    // Not every image has a shell.
    return false;
  }
}

/** The port of this machine under which a TCP port of a running VM is published; undefined if it is not. */
export async function hostPortOf(
  engine: DebugEngine,
  vm: string,
  guestPort: number,
): Promise<number | undefined> {
  const { ports } = await engine.request(vmInspect, { vm });
  return ports.find((port) => port.protocol === "tcp" && port.guestPort === guestPort && port.host)?.host
    ?.port;
}
