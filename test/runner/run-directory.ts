import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killQuietly, processesMentioning } from "../support/processes.ts";

const open = new Set<RunDirectory>();

/**
 * A suite's own temporary directory, by which its processes are known: the suites that run beside it have
 * others. The path is short, since sockets live below.
 */
export class RunDirectory {
  readonly path = mkdtempSync(join(tmpdir(), "mt-"));

  constructor() {
    chmodSync(this.path, 0o755);
    open.add(this);
  }

  /** Ends what tests left behind: everything whose command line or environment names the directory. */
  killProcesses(): void {
    for (const pid of processesMentioning(this.path)) killQuietly(pid);
  }

  close(): void {
    this.killProcesses();
    rmSync(this.path, { recursive: true, force: true });
    open.delete(this);
  }
}

/** For the end of the test run by a signal. */
export function closeRunDirectories(): void {
  for (const directory of open) directory.close();
}
