import {
  agentPath,
  isLocked,
  killProcess,
  processStartTime,
  spawnVmm,
  watchProcess,
} from "../../../../native/index.ts";
import type { Launcher, MonitorProcess } from "./launcher.ts";

/** Launches `mocker-vmm`. */
export class NativeLauncher implements Launcher {
  get agentPath(): string {
    return agentPath();
  }

  spawn(specPath: string, logPath: string): MonitorProcess {
    const { pid } = spawnVmm({ specPath, logPath });
    // A monitor that has ended already is a zombie of ours, which still has its start time.
    return { pid, startTimeTicks: processStartTime(pid) ?? 0 };
  }

  watch({ pid, startTimeTicks }: MonitorProcess, onExit: () => void): void {
    const watch = watchProcess(pid, startTimeTicks, () => {
      watch.close();
      onExit();
    });
  }

  kill({ pid, startTimeTicks }: MonitorProcess): void {
    killProcess(pid, startTimeTicks, 9);
  }

  isLocked(lockPath: string): boolean {
    return isLocked(lockPath);
  }
}
