import type { EngineClient } from "../../../client/engine-client.ts";
import type { LayerLine } from "../../../docker/api/transfer-progress.ts";
import type { Io } from "../../io.ts";
import type { PullDisplay } from "../../output/pull-progress.ts";
import { interruptible } from "../../terminal/interruptible.ts";

let tokens = 0;

/**
 * Runs a request that reports on an image's layers, shows its reports, and aborts it on Ctrl-C or a TERM.
 * @param display undefined: silently
 * @param work makes the request with the signal and, as a part of its parameters, the token of the progress
 */
export async function withLayerProgress<T>(
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
