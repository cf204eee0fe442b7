/** What a VM has of which nobody has said how much. */
export const defaultMemoryMiB = 1024;

/** `available`: CPUs of the host. */
export function defaultCpus(available: number): number {
  return Math.min(available, 2);
}
