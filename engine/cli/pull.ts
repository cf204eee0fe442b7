/** Pulls an image with progress on a stream, for `pull`, `run` and `create`. */
import { resolve } from "node:path";
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
  given: ImagePullParams,
  out: OutputStream | undefined,
  options: { status?: boolean } = {},
): Promise<ImagePullResult> {
  const params = { ...given, ...dockerConfigOf(io) };
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
      out.write(`Digest: ${result.digest}\n`);
      if (options.status !== false) out.write(pullStatus(name, result.upToDate));
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

/** Docker's last line about a pull. */
export function pullStatus(name: string, upToDate: boolean): string {
  return `Status: ${upToDate ? "Image is up to date" : "Downloaded newer image"} for ${name}\n`;
}

/** The folder of the credentials, where the user has named one: the engine may have been started without it. */
export function dockerConfigOf(io: Io): { dockerConfig?: string } {
  const { DOCKER_CONFIG: folder } = io.env;
  return folder ? { dockerConfig: resolve(io.cwd, folder) } : {};
}

/** Docker's remark before a pull of a name alone. */
export function defaultTagRemark(reference: string): string {
  return isUntagged(reference) ? "Using default tag: latest\n" : "";
}
