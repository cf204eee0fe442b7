import type { EngineClient } from "../client/engine-client.ts";
import { CommandFailure } from "./command.ts";
import type { Io } from "./io.ts";
import type { LayerLine, PullDisplay } from "./output/pull-progress.ts";

const interrupted = 130;
let tokens = 0;

/** Runs `work` so that Ctrl-C or a TERM aborts it, cleanly, with Docker's status. */
export async function interruptible<T>(io: Io, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const cancel = (): void => controller.abort();
  const forget = [io.onSignal("SIGINT", cancel), io.onSignal("SIGTERM", cancel)];
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) throw new CommandFailure("", interrupted);
    throw error;
  } finally {
    for (const end of forget) end();
  }
}

/**
 * The same for a request that tells what becomes of an image's layers, as long as it shows them.
 * @param display undefined: silently
 * @param work makes the request with the signal and, as a part of its parameters, the token of the progress
 */
export async function withLayers<T>(
  io: Io,
  engine: EngineClient,
  display: PullDisplay | undefined,
  work: (signal: AbortSignal, progress: { progressToken?: string }) => Promise<T>,
): Promise<T> {
  const progressToken = `layers-${process.pid}-${++tokens}`;
  const forget = engine.onProgress<LayerLine>(progressToken, (line) => display?.report(line));
  try {
    return await interruptible(io, (signal) => work(signal, display ? { progressToken } : {}));
  } finally {
    display?.finish();
    forget();
  }
}
