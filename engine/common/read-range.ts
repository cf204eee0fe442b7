import type { FileHandle } from "node:fs/promises";

/**
 * Bytes `start` to `end` of a file, fewer if it is shorter. A stream of the handle's own would close the
 * handle when it is done.
 */
export async function* readRange(handle: FileHandle, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const buffer = Buffer.allocUnsafe(Math.min(256 * 1024, end - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    // The reader, who counts the bytes, says that some are missing.
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
