/** How much of the peer's time or memory is allowed, by row. */
export const bars = {
  /** `mocker run` has a client, an engine and a disk to set up on top of the boot. */
  run: 1.3,
  /** A client of Node cannot be faster than Node, and the guest has a process to start. */
  exec: 3,
  memory: 1.5,
  disk: 1,
  network: 1,
  networkAgainstPasst: 2,
  /** TSI has no network card at all: a guest's system calls are the host's. */
  networkAgainstTsi: 5,
  pull: 0.8,
  pullUnpacked: 0.25,
  pullMemory: 0.7,
  pullMemoryMiB: 150,
  pullDisk: 1,
  /** Beyond the download, which takes a few milliseconds from a registry on the same machine. */
  secondPullMs: 200,
  firstStartMs: 50,
  ps: 1.5,
  /** Natively, a simulated VM. */
  execNatively: 1.5,
  logsBytesPerSecond: 100e6,
  psOfMany: 1.3,
  engineMemory: 2,
  /** Against a dockerd, which is written in Go and uses all cores. */
  docker: 1.5,
} as const;
