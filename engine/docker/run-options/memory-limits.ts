/** Docker's limits of memory, of which a VM has the first alone: it has no swap. */
import { MockerError } from "../../protocol/errors.ts";

/** In bytes; 0 is none. */
export interface MemoryLimits {
  memory: number;
  reservation: number;
  /** Memory and swap together; -1: no limit. */
  memoryAndSwap: number;
}

/** Holds them against each other. @throws INVALID_ARGUMENT in Docker's words */
export function checkMemoryLimits({ memory, reservation, memoryAndSwap }: MemoryLimits): void {
  const refuse = (message: string): never => {
    throw new MockerError("INVALID_ARGUMENT", `${message}, see usage`);
  };
  if (memory > 0 && memoryAndSwap > 0 && memoryAndSwap < memory)
    refuse("Minimum memoryswap limit should be larger than memory limit");
  if (memory === 0 && memoryAndSwap > 0)
    refuse("You should always set the Memory limit when using Memoryswap limit");
  if (memory > 0 && reservation > memory)
    refuse("Minimum memory limit can not be less than memory reservation limit");
}

/** -1 leaves it to the kernel. @throws Error in Docker's words */
export function checkSwappiness(percent: number): void {
  if (percent !== -1 && (percent < 0 || percent > 100))
    throw new Error(`invalid value: ${percent}. Valid memory swappiness range is 0-100`);
}
