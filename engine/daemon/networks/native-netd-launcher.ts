import { isLocked, spawnNetd } from "../../../native/index.ts";
import type { NetdLauncher } from "./netd-launcher.ts";

/** Launches `mocker-netd`. */
export class NativeNetdLauncher implements NetdLauncher {
  spawn(configPath: string, logPath: string, onExit: (exitCode: number | null) => void): void {
    spawnNetd({ configPath, logPath, onExit });
  }

  isLocked(lockPath: string): boolean {
    return isLocked(lockPath);
  }
}
