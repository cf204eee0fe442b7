import { createReadStream, type Stats, statSync } from "node:fs";
import { resolve } from "node:path";
import type { EngineClient } from "../../../client/engine-client.ts";
import { loadWords } from "../../../docker/api/transfer-progress.ts";
import {
  type ImageLoadParams,
  type ImageLoadResult,
  imageLoad,
  MockerError,
} from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { remoteHost } from "../../contexts/endpoint.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import type { Io } from "../../io.ts";
import { PullDisplay } from "../../output/pull-progress.ts";
import { upload } from "../../transfer/upload.ts";
import { withLayerProgress } from "./layer-progress.ts";

const flags = {
  input: stringFlag("i", "Read from tar archive file, instead of STDIN"),
  platform: stringFlag(
    undefined,
    'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
  ),
  quiet: booleanFlag("q", "Suppress the load output"),
} as const;

export const load = defineCommand({
  summary: "Load an image from a tar archive or STDIN",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const { input } = flags;
    const file = input ? statOf(io, input) : undefined;
    if (!input && io.stdin.isTTY === true)
      throw new CommandFailure("requested load from stdin, but stdin is empty");
    const engine = await connect();
    // As Docker: layers are shown on a terminal only.
    const display =
      flags.quiet || io.stdout.isTTY !== true ? undefined : new PullDisplay(io.stdout, undefined, loadWords);
    const result = await withLayerProgress(io, engine, display, (signal, progress) => {
      const params = {
        name: input || "the archive",
        ...(flags.platform ? { platform: flags.platform } : {}),
        ...progress,
      };
      if (input && file?.isFile() && remoteHost(io.env) === undefined)
        return loadFile(io, engine, resolve(io.cwd, input), file, params, signal);
      const chunks = input ? createReadStream(resolve(io.cwd, input)) : io.stdin;
      return loadStream(io, engine, chunks, params, signal);
    });
    report(io, result);
    return 0;
  },
});

function statOf(io: Io, input: string): Stats {
  const stat = statSync(resolve(io.cwd, input), { throwIfNoEntry: false });
  if (!stat) throw new CommandFailure(`open ${input}: no such file or directory`);
  if (stat.isDirectory()) throw new CommandFailure(`read ${input}: is a directory`);
  return stat;
}

/**
 * The engine reads the file itself; where it sees another one, in a container of its own perhaps, it is sent
 * to it.
 */
async function loadFile(
  io: Io,
  engine: EngineClient,
  path: string,
  { dev: device, ino: inode }: Stats,
  params: ImageLoadParams,
  signal: AbortSignal,
): Promise<ImageLoadResult> {
  try {
    return await engine.request(imageLoad, { ...params, file: { path, device, inode } }, { signal });
  } catch (error) {
    if (!(error instanceof MockerError && error.details?.unseen === true)) throw error;
    return await loadStream(io, engine, createReadStream(path), params, signal);
  }
}

function loadStream(
  io: Io,
  engine: EngineClient,
  bytes: AsyncIterable<Uint8Array>,
  params: ImageLoadParams,
  signal: AbortSignal,
): Promise<ImageLoadResult> {
  return upload(io, engine, bytes, (name) =>
    engine.request(imageLoad, { ...params, upload: name }, { signal }),
  );
}

function report(io: Io, { images, renamed }: ImageLoadResult): void {
  for (const { reference, oldId } of renamed)
    io.stdout.write(
      `The image ${reference} already exists, renaming the old one with ID ${oldId} to empty string\n`,
    );
  for (const { id, references } of images) {
    for (const reference of references) io.stdout.write(`Loaded image: ${reference}\n`);
    if (references.length === 0) io.stdout.write(`Loaded image ID: ${id}\n`);
  }
}
