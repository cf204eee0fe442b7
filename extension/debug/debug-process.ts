/** The process in a VM that a debug session is about: Node, or a debug adapter. */
import type { Socket } from "node:net";
import type { RequestType } from "vscode-jsonrpc/node.js";
import { createVm } from "../../engine/client/create-vm.ts";
import { ProcessStream, type StreamEnd } from "../../engine/client/process-stream.ts";
import {
  type ErrorData,
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

type OnOutput = (bytes: Uint8Array, isStderr: boolean) => void;

export interface DebugProcess {
  vm: { id: string; name: string };
  /** Never rejects. */
  ended: Promise<StreamEnd>;
  write(bytes: Uint8Array): void;
  /** Ends the process, and a VM that was made for it. Never rejects. */
  close(): Promise<void>;
}

/**
 * Makes a VM whose main process it is, and starts it. `pull` is asked for an image that is not there. Throws
 * MockerError; the VM is gone then.
 */
export async function launchProcess(
  engine: DebugEngine,
  params: VmCreateParams,
  pull: () => Promise<boolean>,
  onOutput: OnOutput,
): Promise<DebugProcess> {
  const { id, name } = await createVm(engine, params, { pull });
  const remove = async (): Promise<void> => {
    // It may have removed itself.
    await engine.request(vmRemove, { vm: id, force: true, volumes: true }).catch(() => undefined);
  };
  try {
    // With a terminal it is the user who types.
    const { stream } = await engine.request(vmAttach, { vm: id, stdin: !params.tty });
    const process = new ProcessStream(await engine.openStream(stream), { onOutput });
    await engine.request(vmStart, { vm: id });
    return {
      vm: { id, name },
      ended: process.ended,
      write: (bytes) => process.write(bytes),
      close: async () => {
        process.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Starts it in a VM that runs, and that stays. Throws MockerError. */
export async function execProcess(
  engine: DebugEngine,
  vm: { id: string; name: string },
  command: string[],
  onOutput: OnOutput,
): Promise<DebugProcess> {
  const { stream } = await engine.request(vmExec, { vm: vm.id, command, openStdin: true });
  if (stream === undefined) throw new Error("The engine gave no stream.");
  const process = new ProcessStream(await engine.openStream(stream), { onOutput });
  return {
    vm,
    ended: process.ended,
    write: (bytes) => process.write(bytes),
    close: async () => {
      // An adapter ends with its input.
      process.endInput();
      process.close();
    },
  };
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
