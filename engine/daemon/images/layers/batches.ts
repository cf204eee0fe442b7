import type { Readable } from "node:stream";

/**
 * How much of a stream waits in memory for the disk at most, and how much is worth a write before it has
 * waited.
 */
const batchBytes = 512 * 1024;
const worthBytes = 256 * 1024;
const batchWaitMs = 5;

/**
 * The bytes of a stream in batches, each with all that arrived while the last batch was dealt with: a chunk
 * by itself costs more than its bytes do. Ends when the stream does, however; a stream that fails throws
 * after the last of its bytes.
 */
export async function* batches(stream: Readable): AsyncGenerator<Buffer[]> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  let over = false;
  /** The waiting chunks have waited long enough. */
  let due = false;
  let timer: NodeJS.Timeout | undefined;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  const change = (): void => {
    wake?.();
    wake = undefined;
  };
  stream.on("data", (chunk: Buffer) => {
    waiting.push(chunk);
    bytes += chunk.length;
    if (bytes >= batchBytes) stream.pause();
    if (bytes >= worthBytes) change();
    else
      timer ??= setTimeout(() => {
        due = true;
        change();
      }, batchWaitMs);
  });
  stream.on("error", (error) => {
    failure = error;
    over = true;
    change();
  });
  for (const event of ["end", "close"])
    stream.on(event, () => {
      over = true;
      change();
    });
  // A stream that was destroyed before emits nothing more.
  over ||= stream.destroyed;
  for (;;) {
    if (waiting.length > 0 && (bytes >= worthBytes || due || over)) {
      const batch = waiting;
      waiting = [];
      bytes = 0;
      due = false;
      clearTimeout(timer);
      timer = undefined;
      if (stream.isPaused()) stream.resume();
      yield batch;
    } else if (over) {
      clearTimeout(timer);
      if (failure !== undefined) throw failure;
      return;
    } else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}
