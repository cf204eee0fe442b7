import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { type LogEntry, LogEntryDecoder, parseLogEntry } from "./log-entry.ts";

export interface LogReadOptions {
  /** Last n lines; undefined: all. */
  tail?: number | undefined;
  /** Milliseconds since the epoch. */
  sinceMs?: number | undefined;
  untilMs?: number | undefined;
  /** Goes on after the end until `ended` resolves. */
  follow?: { ended: Promise<void> } | undefined;
  signal: AbortSignal;
}

const chunkBytes = 64 * 1024;

/**
 * Reads a VM's log, rotated generations included (`log.3` … `log.1`, `log`), in order. A rotation while it
 * reads loses nothing: the open generation is read to its end before the next is opened.
 */
export async function* readLog(path: string, options: LogReadOptions): AsyncGenerator<LogEntry[]> {
  const generations = await existingGenerations(path);
  const start = options.tail === undefined ? undefined : await findTail(generations, options.tail);
  const wake = new Wake();
  let watcher: FSWatcher | undefined;
  let ended = false;
  if (options.follow) {
    options.follow.ended.then(
      () => {
        ended = true;
        wake.ring();
      },
      () => undefined,
    );
    options.signal.addEventListener("abort", () => wake.ring(), { once: true });
  }
  try {
    for (let index = start?.generation ?? generations.length - 1; index >= 0; index--) {
      const generation = generations[index] as string;
      const newest = index === 0;
      let file: FileHandle;
      try {
        file = await open(generation, "r");
      } catch {
        continue;
      }
      let position = start?.generation === index ? start.position : 0;
      try {
        const decoder = new LogEntryDecoder();
        for (;;) {
          if (newest && options.follow && !watcher) watcher = watch(path, () => wake.ring());
          const wasEnded = ended;
          const { bytesRead, buffer } = await file.read(
            Buffer.allocUnsafe(chunkBytes),
            0,
            chunkBytes,
            position,
          );
          if (options.signal.aborted) return;
          if (bytesRead > 0) {
            position += bytesRead;
            const entries = decoder
              .push(buffer.subarray(0, bytesRead))
              .filter((entry) => inRange(entry, options));
            if (entries.length > 0) yield entries;
            continue;
          }
          if (!newest || !options.follow) break;
          if (await wasRotated(path, file)) {
            // The reader's file is now log.1, read to its end; go on with the new one from its start.
            if ((await file.stat()).size > position) continue;
            await file.close();
            watcher?.close();
            watcher = undefined;
            file = await open(path, "r");
            position = 0;
            continue;
          }
          if (wasEnded) break;
          await wake.wait();
        }
      } finally {
        await file.close();
      }
    }
  } finally {
    watcher?.close();
  }
}

function inRange(entry: LogEntry, options: LogReadOptions): boolean {
  if (options.sinceMs === undefined && options.untilMs === undefined) return true;
  const time = Date.parse(entry.time);
  return (
    time >= (options.sinceMs ?? Number.NEGATIVE_INFINITY) &&
    time <= (options.untilMs ?? Number.POSITIVE_INFINITY)
  );
}

/** Newest first: `log`, `log.1`, … */
async function existingGenerations(path: string): Promise<string[]> {
  const found = [path];
  for (let n = 1; ; n++) {
    const generation = `${path}.${n}`;
    if (!(await stat(generation).catch(() => undefined))) return found;
    found.push(generation);
  }
}

async function wasRotated(path: string, file: FileHandle): Promise<boolean> {
  const [current, opened] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  return current !== undefined && current.ino !== opened.ino;
}

/** Where the last `lines` lines begin: reads backwards, as a long log is mostly not wanted. */
async function findTail(
  generations: string[],
  lines: number,
): Promise<{ generation: number; position: number }> {
  let wanted = lines;
  for (let index = 0; index < generations.length; index++) {
    const file = await open(generations[index] as string, "r").catch(() => undefined);
    if (!file) continue;
    try {
      const size = (await file.stat()).size;
      if (lines === 0) return { generation: index, position: size };
      let position = size;
      let rest: Buffer = Buffer.alloc(0);
      while (position > 0) {
        const length = Math.min(chunkBytes, position);
        position -= length;
        const { buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
        const data: Buffer = Buffer.concat([buffer, rest]);
        let end = data.length;
        for (;;) {
          // The entry that ends at `end` begins after the newline before it.
          const begin = end < 2 ? 0 : data.lastIndexOf(0x0a, end - 2) + 1;
          if (end === 0 || (begin === 0 && position > 0)) break;
          const entry = parseLogEntry(data.subarray(begin, end));
          // A whole line counts once, at its last entry; the partial entries before it belong to it.
          if (entry && (!entry.partial || (end === data.length && position + length === size))) {
            if (wanted === 0) return { generation: index, position: position + end };
            wanted--;
          }
          end = begin;
        }
        rest = Buffer.from(data.subarray(0, end));
      }
    } finally {
      await file.close();
    }
  }
  return { generation: generations.length - 1, position: 0 };
}

/** A bell that remembers one ring. */
class Wake {
  #rung = false;
  #resolve: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#resolve?.();
  }

  async wait(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.#rung = false;
    this.#resolve = undefined;
  }
}
