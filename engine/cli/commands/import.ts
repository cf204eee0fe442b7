import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { imageImport } from "../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../command.ts";
import { stringFlag, textListFlag } from "../flags.ts";
import { interruptible } from "../interruptible.ts";
import type { Io } from "../io.ts";
import { upload } from "../transfer.ts";

const flags = {
  change: textListFlag("c", "Apply Dockerfile instruction to the created image"),
  message: stringFlag("m", "Set commit message for imported image"),
  platform: stringFlag(undefined, "Set platform if server is multi-platform capable"),
} as const;

export const importCommand = defineCommand({
  summary: "Import the contents from a tarball to create a filesystem image",
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  aliases: ["image import", "import"],
  arguments: { min: 1, max: 2 },
  flags,
  async run({ args, flags, io, connect }) {
    const [source = "", reference] = args;
    const isFile = source !== "-" && !/^https?:\/\//.test(source);
    if (isFile) requireFile(io, source);
    const engine = await connect();
    const { id } = await interruptible(io, async (signal) =>
      upload(io, engine, await open(io, source, isFile, signal), (name) =>
        engine.request(
          imageImport,
          {
            upload: name,
            // Docker says so of files too: its client sends them.
            source: isFile ? "-" : source,
            changes: [...flags.change],
            ...(reference === undefined ? {} : { reference }),
            ...(flags.message === undefined ? {} : { message: flags.message }),
            ...(flags.platform ? { platform: flags.platform } : {}),
          },
          { signal },
        ),
      ),
    );
    io.stdout.write(`${id}\n`);
    return 0;
  },
});

function requireFile(io: Io, source: string): void {
  const stat = statSync(resolve(io.cwd, source), { throwIfNoEntry: false });
  if (!stat) throw new CommandFailure(`open ${source}: no such file or directory`);
  if (stat.isDirectory()) throw new CommandFailure(`read ${source}: is a directory`);
}

async function open(
  io: Io,
  source: string,
  isFile: boolean,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  if (source === "-") return io.stdin;
  if (isFile) return createReadStream(resolve(io.cwd, source));
  let response: Response;
  try {
    response = await fetch(source, { signal });
  } catch (error) {
    const cause = (error as Error).cause;
    const reason = cause instanceof Error ? cause.message : (error as Error).message;
    throw new CommandFailure(`mocker: Get "${source}": ${reason}`);
  }
  if (!response.ok || response.body === null)
    throw new CommandFailure(`mocker: failed to GET ${source}: status ${response.status}`);
  return Readable.fromWeb(response.body as import("node:stream/web").ReadableStream);
}
