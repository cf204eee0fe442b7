/** How many CPUs a VM is to have, by Docker's several ways to say it. */
import { MockerError } from "../../protocol/errors.ts";

/** Docker's period of the quota where none is given, in microseconds. */
const defaultPeriodUs = 100_000;
/** The kernel's limits. */
const shortestUs = 1000;
const longestPeriodUs = 1_000_000;

/** 0 is none. */
export interface CpuLimits {
  cpus: number;
  /** Microseconds of CPU time in each period, and how long that is. */
  quotaUs: number;
  periodUs: number;
}

/**
 * What a limit comes to in whole CPUs; undefined for none. `warning`: that it is not what was asked for.
 * @throws INVALID_ARGUMENT in Docker's words
 */
export function wholeCpus({ cpus, quotaUs, periodUs }: CpuLimits): { cpus?: number; warning?: string } {
  if (cpus !== 0) {
    const other = periodUs > 0 ? "Period" : quotaUs > 0 ? "Quota" : undefined;
    if (other !== undefined)
      throw invalid(`Conflicting options: Nano CPUs and CPU ${other} cannot both be set`);
  }
  if (periodUs !== 0 && (periodUs < shortestUs || periodUs > longestPeriodUs)) {
    throw invalid(
      `CPU cfs period can not be less than 1ms (i.e. ${shortestUs}) or larger than 1s (i.e. ${longestPeriodUs})`,
    );
  }
  if (quotaUs > 0 && quotaUs < shortestUs)
    throw invalid(`CPU cfs quota can not be less than 1ms (i.e. ${shortestUs})`);
  const wanted = cpus !== 0 ? cpus : quotaUs > 0 ? quotaUs / (periodUs || defaultPeriodUs) : 0;
  if (wanted === 0) return {};
  const whole = Math.ceil(wanted);
  if (whole === wanted) return { cpus: whole };
  return { cpus: whole, warning: `--cpus ${wanted}: a VM has whole CPUs, it gets ${whole}` };
}

function invalid(message: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message);
}
