/** One process: a pid alone may be used again. */
export interface MonitorProcess {
  pid: number;
  /** Field 22 of /proc/PID/stat; 0 for a process that had ended before it could be read. */
  startTimeTicks: number;
  /** Its exit status, null when a signal has ended it; of one that this process has started. */
  exited?: Promise<number | null>;
}

/** What a process takes of the host. */
export interface HostUsage {
  /** Since its start. */
  cpuMs: number;
  residentBytes: number;
}

/** What a machine needs of the host: monitors' processes and their locks. */
export interface Launcher {
  /** The guest agent's program. */
  readonly agentPath: string;
  /**
   * Starts a monitor, detached: it outlives this process.
   * @param specPath its `vmm.json`
   * @param logPath receives what it writes to stdout and stderr, appended
   */
  spawn(specPath: string, logPath: string): MonitorProcess;
  /** Calls `onExit` once when exactly this process has ended; soon, if it has already. */
  watch(process: MonitorProcess, onExit: () => void): void;
  /** Ends exactly this process at once; harmless when it has ended. */
  kill(process: MonitorProcess): void;
  /** What exactly this process takes; undefined when it has ended, or must not be seen. */
  usage(process: MonitorProcess): HostUsage | undefined;
  /** Whether a monitor holds its lock, which it does for its life. */
  isLocked(lockPath: string): boolean;
  /** Who holds it, as far as the host tells; for where the monitor's own record of that is lost. */
  holderOf(lockPath: string): MonitorProcess | undefined;
}
