import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";

/**
 * Writes a stream into a new file. After a rejection the file is closed, so that the caller can remove it.
 */
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
