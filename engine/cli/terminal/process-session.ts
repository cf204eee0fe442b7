/**
 * A user's session with a process in a VM: its stream, the terminal and signals. For run, start -a, attach
 * and exec.
 */
import type { Socket } from "node:net";
import { lostConnection } from "../../client/errors.ts";
import { defaultDetachKeys, parseDetachKeys } from "../../docker/detach-keys.ts";
import { MockerError, type VmWaitResult } from "../../protocol/index.ts";
import { CommandFailure } from "../command.ts";
import { describeError } from "../errors.ts";
import type { Io } from "../io.ts";
import { pumpStream, type StreamEnd } from "./pump-stream.ts";
import { followTerminalSize, makeRaw, type TerminalSize } from "./terminal.ts";

export interface ProcessSessionOptions {
  io: Io;
  socket: Socket;
  tty: boolean;
  stdin: boolean;
  stdout?: boolean;
  stderr?: boolean;
  detachKeys: readonly number[];
  resize(size: TerminalSize): Promise<unknown>;
}

export interface ProcessSession {
  readonly end: Promise<StreamEnd>;
  /** Call when the process runs: from then on its terminal has the size of ours. */
  started(): void;
  /** Leaves the process alone: gives the terminal back and drops the stream. */
  abandon(): void;
}

/** Keys of `--detach-keys`. Throws MockerError INVALID_ARGUMENT. */
export function detachKeysOf(flag: string | undefined): readonly number[] {
  return parseDetachKeys(flag || defaultDetachKeys);
}

/** Docker's refusal to give a terminal to input that is none. */
export function requireTerminal(io: Io, tty: boolean, stdin: boolean): void {
  if (tty && stdin && io.stdin.isTTY !== true) throw new CommandFailure("the input device is not a TTY");
}

/** Connects the terminal to a process's stream. */
export function openSession(options: ProcessSessionOptions): ProcessSession {
  const { io, socket, tty } = options;
  const restore = tty && options.stdin ? makeRaw(io) : () => undefined;
  let unfollow = (): void => undefined;
  const end = pumpStream(socket, {
    stdout: options.stdout === false ? undefined : io.stdout,
    stderr: options.stderr === false ? undefined : tty ? io.stdout : io.stderr,
    stdin: options.stdin ? io.stdin : undefined,
    isTerminal: tty && options.stdin,
    // Without a terminal the bytes are data, not keys (as in Docker).
    detachKeys: tty && io.stdin.isTTY === true ? options.detachKeys : undefined,
  }).finally(() => {
    unfollow();
    restore();
  });
  // Observed by the caller, perhaps later than it fails.
  end.catch(() => undefined);
  return {
    end,
    started() {
      if (!tty) return;
      unfollow = followTerminalSize(io, (size) => {
        // The process may have ended, or the engine may not know the terminal yet: the next change tells it
        // again.
        options.resize(size).catch(() => undefined);
      });
    },
    abandon() {
      unfollow();
      restore();
      if (!socket.writableEnded) socket.destroy();
    },
  };
}

/**
 * Exit status of a VM whose wait was answered; says on stderr why it ended if that was not its workload's
 * doing.
 */
export function exitStatus(result: VmWaitResult, io: Io): number {
  if (result.reason === undefined) return result.exitCode;
  io.stderr.write(`${describeError(new MockerError("VM_FAILED", result.reason))}\n`);
  return result.exitCode === 0 ? 125 : result.exitCode;
}

/** For a stream that broke while the process, as far as we know, goes on. */
export function lostStream(name: string): MockerError {
  return lostConnection(undefined, `the VM is not affected; go on with: mocker attach ${name}`);
}
