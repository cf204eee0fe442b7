/** Where `save` and `export` write: a file that appears whole or not at all, or standard output. */
import { createWriteStream, renameSync, rmSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { CommandFailure } from "../command.ts";
import type { Io } from "../io.ts";

export interface Output {
  readonly stream: Writable;
  /** All is written: the file takes its place. */
  commit(): Promise<void>;
  /** Leaves no trace of the file. */
  discard(): void;
}

/**
 * `path` undefined: standard output, unless that is a terminal. `what` begins the message for a path that
 * will not do, in Docker's words: `failed to save image`. Throws CommandFailure before anything is asked of
 * the engine.
 */
export function openOutput(io: Io, path: string | undefined, what: string): Output {
  if (path === undefined || path === "") {
    if (io.stdout.isTTY === true)
      throw new CommandFailure("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    return { stream: io.stdout, commit: async () => undefined, discard: () => undefined };
  }
  const target = resolve(io.cwd, path);
  const directory = dirname(target);
  if (!statSync(directory, { throwIfNoEntry: false }))
    throw new CommandFailure(
      `${what}: invalid output path: stat ${dirname(path)}: no such file or directory`,
    );
  const refusal = refuse(statSync(target, { throwIfNoEntry: false }));
  if (refusal !== undefined) throw new CommandFailure(`${what}: cannot write to a ${refusal}`);
  // Beside the target: only within one file system is a rename a rename.
  const temporary = join(directory, `.tmp-${basename(target)}${process.pid}`);
  const stream = createWriteStream(temporary, { flags: "wx", mode: 0o600 });
  stream.on("error", () => undefined);
  const forget = io.onExit(() => rmSync(temporary, { force: true }));
  return {
    stream,
    async commit() {
      stream.end();
      await finished(stream);
      renameSync(temporary, target);
      forget();
    },
    discard() {
      stream.destroy();
      rmSync(temporary, { force: true });
      forget();
    },
  };
}

/** What a path is that Docker writes nothing to. */
function refuse(stat: Stats | undefined): string | undefined {
  if (!stat || stat.isFile()) return undefined;
  if (stat.isDirectory()) return "directory";
  if (stat.isFIFO()) return "named pipe (FIFO)";
  if (stat.isSocket()) return "socket";
  return stat.isCharacterDevice() ? "character device file" : "block device file";
}
