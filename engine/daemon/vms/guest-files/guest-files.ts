import type { FileChange } from "../../../protocol/changes.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { CopyPath } from "../machine/copy-path.ts";
import { type FileTask, FileTaskError, FileTaskStream } from "../machine/file-task.ts";
import type { Machine } from "../machine/machine.ts";

/** What a path leads to, as lstat has it. */
export interface GuestStat {
  /** `st_mode`, the kind of file included. */
  mode: number;
  sizeBytes: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  /** Of a link: where it leads in the end, absolute; "" of all else. */
  linkTarget: string;
}

/** A path has at most 4 KiB; a guest may say anything. */
const maxStatBytes = 16 * 1024;
/** Of a list of changes: some million files. */
const maxChangesBytes = 256 * 1024 * 1024;

const changeKinds: Readonly<Record<string, FileChange["kind"]>> = {
  A: "added",
  C: "changed",
  D: "deleted",
};

/**
 * The files of a machine, as its agent sees and changes them. Paths are the workload's: no link in one leads
 * out of its root. Everything throws AGENT_UNREACHABLE when the machine ends, and the reason of its `signal`.
 */
export class GuestFiles {
  readonly #machine: Pick<Machine, "fileTask">;

  constructor(machine: Pick<Machine, "fileTask">) {
    this.#machine = machine;
  }

  /**
   * What is there, of a link at the path's end the link; undefined when nothing is. Volumes are looked into.
   */
  async stat(path: string, signal: AbortSignal): Promise<GuestStat | undefined> {
    try {
      const text = await this.#text(["stat", path], maxStatBytes, signal);
      return parseStat(text);
    } catch (error) {
      if (error instanceof FileTaskError && error.isMissing) return undefined;
      throw error;
    }
  }

  /**
   * Makes files of a tar archive, which is as {@link repackedTar} writes it, in a directory; also in volumes.
   * What was made before a failure stays.
   * @param keepsKinds a directory is not replaced by what is none, nor the other way round
   * @throws FileTaskError
   */
  async extract(
    directory: string,
    archive: AsyncIterable<Buffer>,
    { keepsKinds }: { keepsKinds: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const stream = await this.#machine.fileTask(["extract", directory, keepsKinds ? "keep-kinds" : ""]);
    await new FileTaskStream(stream, signal).feed(archive);
  }

  /**
   * The root file system without mounts and volumes, or what `copy` names in it or in a volume, as a tar
   * archive. @throws FileTaskError
   */
  async *archive(copy: CopyPath | undefined, signal: AbortSignal): AsyncGenerator<Buffer> {
    const task: FileTask =
      copy === undefined ? ["export"] : ["copy", copy.path, copy.name, copy.followLink ? "follow" : ""];
    yield* new FileTaskStream(await this.#machine.fileTask(task), signal).output();
  }

  /** What was changed of the image, in the order of names. @throws FileTaskError */
  async changes(signal: AbortSignal): Promise<FileChange[]> {
    return parseChanges(await this.#text(["changes"], maxChangesBytes, signal));
  }

  /**
   * The same as an image's layer, a tar archive. `freezes`: nobody writes meanwhile, where the machine is a
   * VM; a reader that is slow holds the VM up.
   */
  async *layer({ freezes }: { freezes: boolean }, signal: AbortSignal): AsyncGenerator<Buffer> {
    const stream = await this.#machine.fileTask(["layer", freezes ? "freeze" : ""]);
    yield* new FileTaskStream(stream, signal).output();
  }

  async #text(task: FileTask, maxBytes: number, signal: AbortSignal): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stream = new FileTaskStream(await this.#machine.fileTask(task), signal);
    for await (const chunk of stream.output()) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw unexpected();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }
}

function parseStat(text: string): GuestStat {
  const end = text.indexOf("\0");
  const numbers = text.slice(0, end).split(" ").map(Number);
  const [mode, sizeBytes, mtimeSeconds, mtimeNanoseconds] = numbers;
  if (
    end < 0 ||
    numbers.length !== 4 ||
    !numbers.every(Number.isSafeInteger) ||
    mode === undefined ||
    sizeBytes === undefined ||
    mtimeSeconds === undefined ||
    mtimeNanoseconds === undefined
  )
    throw unexpected();
  return { mode, sizeBytes, mtimeSeconds, mtimeNanoseconds, linkTarget: text.slice(end + 1) };
}

function parseChanges(text: string): FileChange[] {
  if (text === "") return [];
  if (!text.endsWith("\0")) throw unexpected();
  return text
    .slice(0, -1)
    .split("\0")
    .map((item) => {
      const kind = changeKinds[item.charAt(0)];
      if (kind === undefined || item.charAt(1) !== "/") throw unexpected();
      return { kind, path: item.slice(1) };
    });
}

function unexpected(): MockerError {
  return new MockerError("AGENT_UNREACHABLE", "the guest agent said what no agent says");
}
