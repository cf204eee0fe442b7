import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";

/** Writes what comes into a new file. When it rejects, nobody has the file open any more: it can be removed for good. */
export async function spool(chunks: AsyncIterable<Buffer>, path: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const file = createWriteStream(path, { mode: 0o600, flags: "wx" });
  const closed = new Promise<void>((resolve) => file.once("close", resolve));
  try {
    await pipeline(chunks, file, { signal });
  } catch (error) {
    file.destroy();
    await closed;
    throw error;
  }
}
