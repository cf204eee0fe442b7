/** What networks need of the host: the processes of networks, and their locks. */
export interface NetdLauncher {
  /**
   * Starts a `mocker-netd`, detached: it outlives this process.
   * @param configPath its `netd.json`
   * @param logPath receives what it writes, appended
   * @param onExit told its exit status, null for a signal's
   */
  spawn(configPath: string, logPath: string, onExit: (exitCode: number | null) => void): void;
  /** Whether a `mocker-netd` holds its lock, which it does for its life. */
  isLocked(lockPath: string): boolean;
}
