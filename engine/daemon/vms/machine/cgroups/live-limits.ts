import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readJsonFile } from "../../../../common/json-file.ts";
import { humanSize } from "../../../../docker/sizes.ts";
import type { VmFiles } from "../../records/vm-record.ts";
import type { CgroupLimit, LaunchSpec } from "../launch-spec.ts";
import { cpuMax, mebibyte } from "./cgroup-limits.ts";

/** What a machine may use from now on. */
export interface LimitChange {
  cpus?: number;
  memoryMiB?: number;
}

/**
 * Changes what a machine that runs may use, by the limits of its cgroup. A microVM keeps its memory, and the
 * CPUs that its guest sees: it may use fewer of them, not more.
 * @returns why that cannot be, of "a VM that runs"; then nothing has changed
 */
export async function changeLimits(
  { specPath }: Pick<VmFiles, "specPath">,
  change: LimitChange,
): Promise<string | undefined> {
  const spec = await readJsonFile<LaunchSpec>(specPath, 1);
  const { cpus, memoryMiB } = change;
  const { krun, cgroup } = spec ?? {};
  if (krun && memoryMiB !== undefined) return "keeps its memory";
  if (krun && cpus !== undefined && cpus > krun.cpus)
    return `gets no more CPUs than it was started with (${krun.cpus})`;
  if (!cgroup || "problem" in cgroup) {
    const why = cgroup ? `: it has no cgroup (${cgroup.problem})` : "";
    return `keeps its CPUs and its memory${why}`;
  }
  const limits: CgroupLimit[] = [];
  if (cpus !== undefined) limits.push({ file: "cpu.max", value: cpuMax(cpus, krun?.cpus) });
  if (memoryMiB !== undefined) {
    const used = bytesIn(join(cgroup.path, "memory.current"));
    // The kernel would kill it.
    if (used > memoryMiB * mebibyte) return `keeps its memory while it uses more (${humanSize(used)})`;
    limits.push({ file: "memory.max", value: String(memoryMiB * mebibyte) });
  }
  const missing = limits.find(({ file }) => !existsSync(join(cgroup.path, file)));
  if (missing) return `keeps its CPUs and its memory: its cgroup has no ${missing.file}`;
  for (const { file, value } of limits) writeFileSync(join(cgroup.path, file), value);
  return undefined;
}

/** 0 where there is no such file. */
function bytesIn(path: string): number {
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
}
