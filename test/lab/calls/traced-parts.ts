import { chmodSync, cpSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Makes a copy of the native parts whose `mocker-vmm` runs under strace, which writes a file for each thread.
 * @param traces an absolute directory, made here
 * @returns the copy's directory
 */
export function makeTracedParts(nativeDir: string, directory: string, traces: string): string {
  const parts = join(directory, "native");
  cpSync(nativeDir, parts, { recursive: true });
  mkdirSync(traces);
  // The libraries are looked for beside the program.
  const program = join(parts, "mocker-vmm");
  const traced = join(parts, "mocker-vmm.traced");
  renameSync(program, traced);
  // -D: the monitor keeps its process id, by which the engine knows it.
  const options = `-D -ff -qq -e signal=none -e raw=all -o '${traces}/call'`;
  writeFileSync(program, `#!/bin/sh\nexec /usr/bin/strace ${options} '${traced}' "$@"\n`);
  chmodSync(program, 0o755);
  return parts;
}
