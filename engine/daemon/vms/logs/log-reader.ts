import { dirname } from "node:path";
import { type LogEntry, LogEntryDecoder, parseLogLine, timeMs } from "./log-entry.ts";
import { bytesBefore, closeAll, type Generation, LogGenerations } from "./log-generations.ts";
import { LogWatch } from "./log-watch.ts";

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

const chunkBytes = 256 * 1024;

/**
 * Reads a VM's log, rotated generations included, in order. All that there are are opened first, and with
 * `follow` it goes on with the successor of the one that it has: a rotation while it reads loses nothing. A
 * reader that is so slow that the writer has removed what it had not read is told so by an entry.
 */
export async function* readLog(path: string, options: LogReadOptions): AsyncGenerator<LogEntry[]> {
  const log = new LogGenerations(path);
  // Before anything is read: what comes then rings.
  const watch = options.follow && new LogWatch(dirname(path), options.follow.ended, options.signal);
  const generations = await log.openAll().catch((error: unknown) => {
    watch?.close();
    throw error;
  });
  try {
    let start = options.tail === undefined ? undefined : await findTail(generations, options.tail);
    // An engine may be asked before the monitor has made the log.
    while (watch && generations.length === 0 && !watch.ended && !options.signal.aborted) {
      await watch.next();
      generations.push(...(await log.openAll()));
    }
    for (let index = start?.generation ?? 0; index < generations.length; index++) {
      const generation = generations[index] as Generation;
      const isNewest = index === generations.length - 1;
      const reader = new GenerationReader(generation, start);
      start = undefined;
      let successor: Generation | undefined;
      for (;;) {
        const wasEnded = watch?.ended;
        const entries = await reader.read();
        if (options.signal.aborted) {
          if (successor) generations.push(successor);
          return;
        }
        if (entries) {
          const wanted = entries.filter((entry) => inRange(entry, options));
          if (wanted.length > 0) yield wanted;
          continue;
        }
        if (!isNewest || !watch || successor) break;
        successor = await log.openSuccessor(generation);
        // Between the end that was seen and the rotation more may have been written.
        if (successor) continue;
        if (wasEnded) break;
        await watch.next();
      }
      if (!successor) continue;
      generations.push(successor);
      const lost = (await bytesBefore(successor)) - (await bytesBefore(generation)) - reader.position;
      if (lost > 0) yield [missing(lost)];
    }
  } finally {
    watch?.close();
    await closeAll(generations);
  }
}

/** What a reader is told that was too slow. */
function missing(bytes: number): LogEntry {
  const text = `mocker: ${bytes} bytes of the log are missing here, they were rotated away before they were read\n`;
  const nowMs = Date.now();
  return {
    time: { seconds: Math.floor(nowMs / 1000), nanoseconds: (nowMs % 1000) * 1e6 },
    stream: "stderr",
    data: Buffer.from(text),
    partial: false,
  };
}

/** Reads one generation from a position on. */
class GenerationReader {
  readonly #generation: Generation;
  readonly #decoder: LogEntryDecoder;
  position: number;

  constructor(generation: Generation, start: TailStart | undefined) {
    this.#generation = generation;
    this.position = start?.timePosition ?? 0;
    this.#decoder = new LogEntryDecoder(start && start.position - start.timePosition);
  }

  /** The next entries, which may be none; undefined at the end there is now. */
  async read(): Promise<LogEntry[] | undefined> {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    const { bytesRead } = await this.#generation.file.read(buffer, 0, chunkBytes, this.position);
    if (bytesRead === 0) {
      this.position -= this.#decoder.dropRest();
      return undefined;
    }
    this.position += bytesRead;
    return this.#decoder.push(buffer.subarray(0, bytesRead));
  }
}

function inRange({ time }: LogEntry, { sinceMs, untilMs }: LogReadOptions): boolean {
  if (sinceMs === undefined && untilMs === undefined) return true;
  const ms = timeMs(time);
  return ms >= (sinceMs ?? Number.NEGATIVE_INFINITY) && ms <= (untilMs ?? Number.POSITIVE_INFINITY);
}

interface TailStart {
  /** Its index. */
  generation: number;
  /** Of the first entry that is wanted. */
  position: number;
  /** At or before that: of an entry that says its whole time. */
  timePosition: number;
}

/** Where the last `lines` lines begin: reads backwards, as a long log is mostly not wanted. */
async function findTail(generations: readonly Generation[], lines: number): Promise<TailStart | undefined> {
  let wanted = lines;
  for (let index = generations.length - 1; index >= 0; index--) {
    const { file } = generations[index] as Generation;
    const { size } = await file.stat();
    let found: number | undefined;
    for await (const { line, begin, end } of linesBackwards(generations[index] as Generation, size)) {
      const parsed = parseLogLine(line);
      // A whole line counts once, at its last entry; the partial entries before it belong to it.
      if (found === undefined && parsed && (!parsed.partial || end === size)) {
        if (wanted === 0) found = end;
        else wanted--;
      }
      if (found !== undefined && parsed?.time)
        return { generation: index, position: found, timePosition: begin };
    }
    if (found !== undefined) return { generation: index, position: found, timePosition: 0 };
  }
  return undefined;
}

/**
 * The lines of a generation, newlines included, the last one first; what follows the last newline is none.
 */
async function* linesBackwards(
  { file }: Generation,
  size: number,
): AsyncGenerator<{ line: Buffer; begin: number; end: number }> {
  let position = size;
  let rest: Buffer = Buffer.alloc(0);
  while (position > 0) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    const { buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
    const data: Buffer = Buffer.concat([buffer, rest]);
    let end = data.length;
    for (;;) {
      // The line that ends at `end` begins after the newline before it.
      const begin = end < 2 ? 0 : data.lastIndexOf(0x0a, end - 2) + 1;
      if (end === 0 || (begin === 0 && position > 0)) break;
      yield { line: data.subarray(begin, end), begin: position + begin, end: position + end };
      end = begin;
    }
    rest = Buffer.from(data.subarray(0, end));
  }
}
