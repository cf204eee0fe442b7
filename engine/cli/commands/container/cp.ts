import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { copiedName } from "../../../docker/copied-name.ts";
import { humanSize } from "../../../docker/sizes.ts";
import { copyFrom, MockerError, pathNotFoundStatus } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { booleanFlag } from "../../flags.ts";
import type { Io } from "../../io.ts";
import { interruptible } from "../../terminal/interruptible.ts";
import { copyDestination } from "../../transfer/copy-destination.ts";
import { type Received, receive } from "../../transfer/download.ts";
import { TarExtract } from "../../transfer/tar-extract.ts";

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
  summary: "Copy files/folders from a container or an image to the local filesystem",
  usage: "[OPTIONS] CONTAINER|IMAGE:SRC_PATH DEST_PATH|-",
  arguments: { min: 2, max: 2 },
  flags,
  async run({ args, flags, given, io, connect }) {
    const [source = "", destination = ""] = args;
    if (source === "") throw new CommandFailure("source can not be empty");
    if (destination === "") throw new CommandFailure("destination can not be empty");
    if (!isLocal(destination)) {
      if (!isLocal(source)) throw new CommandFailure("copying between containers is not supported");
      throw new MockerError("FEATURE_UNAVAILABLE", "copying into a container is not supported yet", {
        hint: "Share a directory with it (-v), or send the file through a pipe: mocker exec -i VM sh -c 'cat > FILE' < FILE",
      });
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
        hint: "Volumes are not looked into: what is in one is in the host's directory.",
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
