/** Pulls an image with progress on a stream, for `pull`, `run` and `create`. */
import { resolve } from "node:path";
import type { EngineClient } from "../../../client/engine-client.ts";
import { pullStatus } from "../../../docker/api/transfer-progress.ts";
import { familiarReference, isUntagged, pullingFrom } from "../../../docker/reference.ts";
import { type ImagePullParams, type ImagePullResult, imagePull } from "../../../protocol/index.ts";
import { refuseRemote, remoteHost } from "../../contexts/endpoint.ts";
import type { Io, OutputStream } from "../../io.ts";
import { PullDisplay } from "../../output/pull-progress.ts";
import { withLayerProgress } from "./layer-progress.ts";

/**
 * `out` undefined: silently. Ctrl-C cancels the pull in the engine too and ends the command with status 130.
 */
export async function pullImage(
  engine: EngineClient,
  io: Io,
  given: ImagePullParams,
  out: OutputStream | undefined,
  options: { status?: boolean } = {},
): Promise<ImagePullResult> {
  const [, transport] =
    /^(oci|oci-archive|docker-archive|docker-daemon|containers-storage):/.exec(given.reference) ?? [];
  if (transport !== undefined) {
    const what = `${transport}: names an image that is on this machine`;
    refuseRemote(io.env, what, "Send it there as an archive: docker save IMAGE | mocker load");
  }
  const params = {
    ...given,
    reference: absoluteSource(given.reference, io.cwd),
    ...dockerConfigOf(io),
    ...dockerHostOf(io),
  };
  const { reference } = params;
  const display = out === undefined ? undefined : new PullDisplay(out, pullingFrom(reference));
  const result = await withLayerProgress(io, engine, display, (signal, progress) =>
    engine.request(imagePull, { ...params, ...progress }, { signal }),
  );
  if (out !== undefined) {
    out.write(`Digest: ${result.digest}\n`);
    if (options.status !== false) out.write(`${pullStatus(familiarReference(reference), result.upToDate)}\n`);
  }
  return result;
}

/** `oci:DIR` and its like with their path as the engine, which has a directory of its own, finds it. */
export function absoluteSource(reference: string, cwd: string): string {
  const [, transport, path] = /^(oci|oci-archive|docker-archive):(.+)$/s.exec(reference) ?? [];
  return transport === undefined || path === undefined ? reference : `${transport}:${resolve(cwd, path)}`;
}

/** $DOCKER_HOST, whose images `docker-daemon:` means: the engine may have been started without it. */
function dockerHostOf({ env }: Io): { dockerHost?: string } {
  return env.DOCKER_HOST ? { dockerHost: env.DOCKER_HOST } : {};
}

/**
 * $DOCKER_CONFIG, the directory of the credentials: the engine may have been started without it. Another
 * machine's has its own.
 */
export function dockerConfigOf(io: Io): { dockerConfig?: string } {
  const { DOCKER_CONFIG: directory } = io.env;
  return directory && remoteHost(io.env) === undefined ? { dockerConfig: resolve(io.cwd, directory) } : {};
}

/** Docker's remark before a pull of a name alone; what is no name gets none. */
export function defaultTagRemark(reference: string): string {
  return isUntagged(reference) ? "Using default tag: latest\n" : "";
}
