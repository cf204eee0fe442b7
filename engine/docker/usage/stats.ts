/** The arithmetic of `docker stats`. */
import type { VmStats } from "../../protocol/vm.ts";

/** What a row of `stats` shows. */
export interface StatsRow {
  /** 100 is one CPU. */
  cpuPercent: number;
  memoryPercent: number;
}

/** @param before an earlier sample of the same VM; without one nothing is known of its CPUs */
export function statsRow(before: VmStats | undefined, now: VmStats): StatsRow {
  return {
    cpuPercent: before && now.running ? cpuPercent(before, now) : 0,
    memoryPercent: now.memoryLimitBytes > 0 ? (now.memoryUsedBytes / now.memoryLimitBytes) * 100 : 0,
  };
}

function cpuPercent(before: VmStats, now: VmStats): number {
  const elapsedMs = now.readAtMs - before.readAtMs;
  // One that was started anew in between begins again.
  const usedMs = now.cpuMs - before.cpuMs;
  return elapsedMs > 0 && usedMs > 0 ? (usedMs / elapsedMs) * 100 : 0;
}
