/** Pulls an image with progress on a stream, for `pull`, `run` and `create`. */
import {
  type ImagePullParams,
  type ImagePullResult,
  imagePull,
  type PullProgress,
} from "../protocol/index.ts";
import { CommandFailure } from "./command.ts";
import type { Engine } from "./connection.ts";
import type { Io, OutputStream } from "./io.ts";
import { PullDisplay } from "./pull-progress.ts";
import { familiarReference, isUntagged, pullingFrom } from "./reference.ts";

const interrupted = 130;
let tokens = 0;

/** `out` undefined: silently. Ctrl-C cancels the pull in the engine too and ends the command with status 130. */
export async function pullImage(
  engine: Engine,
  io: Io,
  params: ImagePullParams,
  out: OutputStream | undefined,
): Promise<ImagePullResult> {
  const { reference } = params;
  const controller = new AbortController();
  const cancel = (): void => controller.abort();
  const forgetSignals = [io.onSignal("SIGINT", cancel), io.onSignal("SIGTERM", cancel)];
  const display = out === undefined ? undefined : new PullDisplay(out, pullingFrom(reference));
  const token = `pull-${process.pid}-${++tokens}`;
  const forgetProgress = engine.onProgress<PullProgress>(token, (progress) => display?.report(progress));
  try {
    const result = await engine.request(
      imagePull,
      out === undefined ? params : { ...params, progressToken: token },
      { signal: controller.signal },
    );
    display?.finish();
    if (out !== undefined) {
      const name = familiarReference(reference);
      const status = result.upToDate
        ? `Image is up to date for ${name}`
        : `Downloaded newer image for ${name}`;
      out.write(`Digest: ${result.digest}\nStatus: ${status}\n`);
    }
    return result;
  } catch (error) {
    display?.finish();
    if (controller.signal.aborted) throw new CommandFailure("", interrupted);
    throw error;
  } finally {
    forgetProgress();
    for (const forget of forgetSignals) forget();
  }
}

/** Docker's remark before a pull of a name alone. */
export function defaultTagRemark(reference: string): string {
  return isUntagged(reference) ? "Using default tag: latest\n" : "";
}
