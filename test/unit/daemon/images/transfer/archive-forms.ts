/** An archive's bytes in the forms in which they come. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const run = promisify(execFile);

/** The bytes as a stream of pieces of `size` bytes. */
export async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The bytes as each of the programs compresses them. */
export async function compressedBy(programs: string[], bytes: Buffer): Promise<Record<string, Buffer>> {
  const path = join(tmpDir(), "plain");
  writeFileSync(path, bytes);
  const forms: Record<string, Buffer> = {};
  for (const program of programs) {
    const { stdout } = await run(program, ["-c", path], { encoding: "buffer", maxBuffer: 1 << 30 });
    forms[program] = stdout;
  }
  return forms;
}
