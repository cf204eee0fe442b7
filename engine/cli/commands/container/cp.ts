import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import type { EngineClient } from "../../../client/engine-client.ts";
import { copiedName } from "../../../docker/copied-name.ts";
import { humanSize } from "../../../docker/sizes.ts";
import { copyFrom, copyTo, MockerError, pathNotFoundStatus } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { booleanFlag } from "../../flags.ts";
import type { Io } from "../../io.ts";
import { interruptible } from "../../terminal/interruptible.ts";
import { copyDestination } from "../../transfer/copy-destination.ts";
import { copySource } from "../../transfer/copy-source.ts";
import { type Received, receive } from "../../transfer/download.ts";
import { TarExtract } from "../../transfer/tar-extract.ts";
import { tarTree } from "../../transfer/tar-tree.ts";
import { upload } from "../../transfer/upload.ts";

const flags = {
  archive: booleanFlag("a", "Archive mode (copy all uid/gid information)"),
  "follow-link": booleanFlag("L", "Always follow symbol link in SRC_PATH"),
  quiet: booleanFlag(
    "q",
    "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
  ),
} as const;

/** Docker's splitCpArg, but for what is on the other side: the engine knows which names there are. */
function isLocal(argument: string): boolean {
  const colon = argument.indexOf(":");
  return argument.startsWith("/") || argument.startsWith(".") || colon <= 0;
}

export const cp = defineCommand({
  summary: "Copy files/folders between a container or an image and the local filesystem",
  usage:
    "[OPTIONS] CONTAINER|IMAGE:SRC_PATH DEST_PATH|-\n\tmocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  arguments: { min: 2, max: 2 },
  flags,
  async run({ args, flags, given, io, connect }) {
    const [source = "", destination = ""] = args;
    if (source === "") throw new CommandFailure("source can not be empty");
    if (destination === "") throw new CommandFailure("destination can not be empty");
    if (!isLocal(destination)) {
      if (!isLocal(source)) throw new CommandFailure("copying between containers is not supported");
      const quiet = given.has("quiet") ? flags.quiet : io.stdout.isTTY !== true;
      await copyInto(io, connect, { source, destination, followLink: flags["follow-link"], quiet });
      return 0;
    }
    if (isLocal(source)) throw new CommandFailure("must specify at least one container source");
    const toOutput = destination === "-";
    if (toOutput && io.stdout.isTTY === true)
      throw new CommandFailure("cowardly refusing to save to a terminal. Redirect the output");
    const quiet = given.has("quiet") ? flags.quiet : io.stdout.isTTY !== true;
    const place = toOutput ? undefined : copyDestination(io.cwd, destination);
    const skipped: string[] = [];
    const engine = await connect();
    const { stream, name, path } = await engine.request(copyFrom, {
      source,
      followLink: flags["follow-link"],
    });
    const base = copiedName(path);
    const output: Writable = place
      ? new TarExtract({
          base,
          place: (isDirectory) => place.place({ name: base, isDirectory }),
          keepOwners: flags.archive,
          onSkipped: (path) => skipped.push(path),
        })
      : io.stdout;
    const { exitCode, stderrTail, bytes } = await receiveCopy(io, output, quiet || toOutput, () =>
      engine.openStream(stream),
    );
    if (exitCode === pathNotFoundStatus)
      throw new MockerError("INVALID_ARGUMENT", `Could not find the file ${path} in container ${name}`, {
        hint: "Volumes of a VM that does not run are not looked into: start it first.",
      });
    if (exitCode !== 0) throw new CommandFailure(`mocker: ${stderrTail || "the copy is not complete"}`);
    if (place === undefined) return 0;
    output.end();
    await finished(output);
    if (skipped.length > 0)
      io.stderr.write(`mocker: left out, as they are devices or pipes: ${listed(skipped)}\n`);
    if (!quiet) io.stderr.write(`Successfully copied ${humanSize(bytes)} to ${place.path}\n`);
    return 0;
  },
});

interface CopyInto {
  source: string;
  destination: string;
  followLink: boolean;
  quiet: boolean;
}

/** As Docker's: owners are kept, with `-a` or without (moby#21651). */
async function copyInto(
  io: Io,
  connect: () => Promise<EngineClient>,
  { source, destination, followLink, quiet }: CopyInto,
): Promise<void> {
  const colon = destination.indexOf(":");
  const vm = destination.slice(0, colon);
  const fromInput = source === "-";
  const local = fromInput ? undefined : copySource(io.cwd, source, followLink);
  const skipped: string[] = [];
  let bytes = 0;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      yield chunk;
    }
  };
  const archive = counted(local ? tarTree(local, (path) => skipped.push(path)) : io.stdin);
  const engine = await connect();
  const named = local && { source: { name: local.name, isDirectory: local.stat.isDirectory() } };
  const { path } = await interruptible(
    io,
    async (signal) =>
      await upload(
        io,
        engine,
        archive,
        (name) =>
          engine.request(
            copyTo,
            { vm, path: destination.slice(colon + 1), upload: name, ...named },
            { signal },
          ),
        { quiet: quiet || fromInput },
      ),
  );
  if (skipped.length > 0) io.stderr.write(`mocker: left out, as they are sockets: ${listed(skipped)}\n`);
  if (!quiet && !fromInput) io.stderr.write(`Successfully copied ${humanSize(bytes)} to ${vm}:${path}\n`);
}

function listed(paths: readonly string[]): string {
  const more = paths.length - 3;
  return `${paths.slice(0, 3).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Writes the archive to `output` as it comes. */
async function receiveCopy(
  io: Io,
  output: Writable,
  quiet: boolean,
  open: () => Promise<Socket>,
): Promise<Received> {
  let failure: Error | undefined;
  const keep = (error: Error): void => {
    failure ??= error;
  };
  if (output !== io.stdout) output.on("error", keep);
  return await interruptible(io, async (signal) => {
    const lostHint = "What came so far is there; run the command again.";
    try {
      const received = await receive(io, await open(), output, { signal, quiet, lostHint });
      if (failure) throw failure;
      return received;
    } catch (error) {
      if (output !== io.stdout) output.destroy();
      // What went wrong here says more than that the stream broke off.
      throw failure ?? error;
    }
  });
}
