import { open } from "node:fs/promises";

const stepBytes = 1 << 20;

/** Whether two files have the same contents. A missing file equals nothing. */
export async function sameFiles(a: string, b: string): Promise<boolean> {
  const first = await open(a, "r").catch(() => undefined);
  const second = await open(b, "r").catch(() => undefined);
  try {
    if (!first || !second || (await first.stat()).size !== (await second.stat()).size) return false;
    const buffers = [Buffer.allocUnsafe(stepBytes), Buffer.allocUnsafe(stepBytes)] as const;
    for (let at = 0; ; ) {
      const { bytesRead } = await first.read(buffers[0], 0, stepBytes, at);
      if (bytesRead === 0) return true;
      for (let filled = 0; filled < bytesRead; ) {
        const more = await second.read(buffers[1], filled, bytesRead - filled, at + filled);
        if (more.bytesRead === 0) return false;
        filled += more.bytesRead;
      }
      if (buffers[0].compare(buffers[1], 0, bytesRead, 0, bytesRead) !== 0) return false;
      at += bytesRead;
    }
  } finally {
    await first?.close();
    await second?.close();
  }
}
