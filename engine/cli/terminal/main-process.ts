/**
 * Attaches to a VM's main process from before its start to its exit, as `run`, `start -a` and `attach` do.
 */

import type { EngineClient } from "../../client/engine-client.ts";
import {
  type VmDetails,
  type VmWaitParams,
  vmAttach,
  vmKill,
  vmResize,
  vmWait,
} from "../../protocol/index.ts";
import { CommandFailure } from "../command.ts";
import type { Io } from "../io.ts";
import {
  exitStatus,
  lostStream,
  openSession,
  type ProcessSession,
  requireTerminal,
} from "./process-session.ts";
import { proxySignals, type SignalProxy } from "./signals.ts";

export interface AttachOptions {
  engine: EngineClient;
  io: Io;
  id: string;
  /** For messages. */
  name: string;
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  detachKeys: readonly number[];
  condition: NonNullable<VmWaitParams["condition"]>;
  proxySignals: boolean;
  /**
   * When the terminal goes away, or SIGHUP says so: whether the process is told (which takes
   * {@link proxySignals}), or is left alone.
   */
  onHangup: "forward" | "leave";
  /** Starts the VM once everything listens; left out if it runs. What it throws is passed on. */
  start?: () => Promise<void>;
}

/** A command that is told to end three times ends, whatever the VM does. */
const forcefulExit = "\ngot 3 SIGTERM/SIGINTs, forcefully exiting";

/** Status of a process that SIGPIPE ends. */
export const brokenPipeCode = 141;

/** Status of a process that SIGHUP ends. */
export const hangupCode = 129;

/** `end` resolves at a SIGHUP. */
function nextHangup(io: Io): { end: Promise<{ kind: "hung-up" }>; dispose(): void } {
  let dispose = (): void => undefined;
  const end = new Promise<{ kind: "hung-up" }>((resolve) => {
    dispose = io.onSignal("SIGHUP", () => resolve({ kind: "hung-up" }));
  });
  return { end, dispose };
}

/** Resolves to the exit status, or "detached" after the detach keys: the VM goes on. */
export async function attachAndWait(options: AttachOptions): Promise<number | "detached"> {
  const { engine, io, id } = options;
  // Attach and wait come before start, so that no output and no exit is missed. None waits for the answer of
  // another: the engine takes them in this order.
  const attached = engine.request(vmAttach, { vm: id, stdin: options.stdin });
  const waited = engine.request(vmWait, { vm: id, condition: options.condition });
  waited.catch(() => undefined);
  let proxy: SignalProxy | undefined;
  const leaves = options.onHangup === "leave";
  const hangup = leaves ? nextHangup(io) : undefined;
  const givenUp = new Promise<never>((_, reject) => {
    if (!options.proxySignals) return;
    const kill = (signal: string): Promise<unknown> => engine.request(vmKill, { vm: id, signal });
    const giveUp = (): void => reject(new CommandFailure(forcefulExit));
    proxy = proxySignals(io, kill, giveUp, leaves ? ["SIGHUP"] : []);
  });
  givenUp.catch(() => undefined);
  const starting = options.start?.();
  starting?.catch(() => undefined);
  let session: ProcessSession | undefined;
  try {
    session = openSession({
      io,
      socket: await engine.openStream((await attached).stream),
      tty: options.tty,
      stdin: options.stdin,
      stdout: options.stdout,
      stderr: options.stderr,
      detachKeys: options.detachKeys,
      resize: (size) => engine.request(vmResize, { vm: id, ...size }),
    });
    if (starting !== undefined) await Promise.race([starting, givenUp]);
    session.started();
    proxy?.ready();
    const end = await Promise.race([session.end, givenUp, ...(hangup ? [hangup.end] : [])]);
    if (end.kind === "detached") return "detached";
    if (end.kind === "hung-up") {
      if (!leaves) await proxy?.hangUp();
      return hangupCode;
    }
    if (end.kind === "output-closed") return brokenPipeCode;
    const result = await Promise.race([waited, givenUp]).catch((error: unknown) => {
      throw end.kind === "closed" && !(error instanceof CommandFailure) ? lostStream(options.name) : error;
    });
    return exitStatus(result, io);
  } finally {
    proxy?.close();
    hangup?.dispose();
    session?.abandon();
  }
}

/**
 * Attaches to all that a VM prints, as `start -a` and `attach` do. `stdin` and `proxySignals` say what the
 * user wants: a VM may have been made without input, and a terminal sends its signals as keys.
 */
export async function attachToVm(
  { id, config }: VmDetails,
  options: Omit<AttachOptions, "id" | "tty" | "stdout" | "stderr">,
): Promise<number | "detached"> {
  const { tty, openStdin } = config;
  const stdin = options.stdin && openStdin;
  requireTerminal(options.io, tty, stdin);
  const proxySignals = options.proxySignals && !tty;
  return attachAndWait({ ...options, id, tty, stdin, stdout: true, stderr: true, proxySignals });
}
