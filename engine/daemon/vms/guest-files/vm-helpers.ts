import { bootRequest } from "../boot-request.ts";
import { removeLeftCgroup } from "../machine/cgroups/cgroups.ts";
import type { Launcher } from "../machine/launcher.ts";
import { longSleep } from "../machine/long-sleep.ts";
import type { MachinePlace } from "../machine/machine.ts";
import type { StateDir } from "../records/state-dir.ts";
import type { VmFiles, VmRuntimeRecord } from "../records/vm-record.ts";
import type { Vm } from "../vm.ts";
import type { GuestFiles } from "./guest-files.ts";
import { HelperMachine } from "./helper-machine.ts";

/** How long one that was killed may hold what it has open. */
const deathMs = 5000;

/** The helper machines of VMs that do not run. */
export class VmHelpers {
  readonly #state: StateDir;
  readonly #place: (id: string, files: VmFiles) => MachinePlace;
  readonly #launcher: Launcher;

  constructor(state: StateDir, place: (id: string, files: VmFiles) => MachinePlace, launcher: Launcher) {
    this.#state = state;
    this.#place = place;
    this.#launcher = launcher;
  }

  /** A machine with a copy of the VM's files, without its volumes; in the VM's turn, until it has booted. */
  bootCopy(vm: Vm): Promise<HelperMachine> {
    const request = bootRequest({ ...vm.config, network: { mode: "none" } }, []);
    return HelperMachine.boot({
      state: this.#state,
      runtime: vm.runtime.name,
      place: this.#place,
      prepare: (scratch) => vm.runtime.prepareCopy(request, vm.files, scratch),
    });
  }

  /** Gives `use` the VM's own files and its volumes, as a start would; in the VM's turn, to its end. */
  async change<T>(vm: Vm, use: (files: GuestFiles) => Promise<T>, signal: AbortSignal): Promise<T> {
    const mounts = await vm.openMounts(signal);
    try {
      const request = bootRequest({ ...vm.config, network: { mode: "none" } }, mounts.mounts);
      const helper = await HelperMachine.boot({
        state: this.#state,
        runtime: vm.runtime.name,
        place: this.#place,
        prepare: (scratch) => vm.runtime.prepareChange(request, vm.files, scratch),
        ...(mounts.changesVolumes ? { onConfigured: () => mounts.filled() } : {}),
      });
      try {
        return await use(helper.files);
      } finally {
        await helper.close();
      }
    } finally {
      mounts.close();
    }
  }

  /** A helper machine goes with the engine that had it; resolves when it lets go of the VM's files. */
  async endStale(): Promise<void> {
    for (const scratch of await this.#state.staleScratchDirs()) {
      if (!this.#launcher.isLocked(scratch.lockPath)) {
        await removeLeftCgroup(scratch);
        continue;
      }
      const left = await scratch.readRuntime().catch(() => undefined);
      if (left) await this.#end(left);
    }
  }

  async #end({ pid, startTimeTicks, childPid, childStartTimeTicks = 0 }: VmRuntimeRecord): Promise<void> {
    const monitor = { pid, startTimeTicks };
    const processes =
      childPid > 0 && childStartTimeTicks > 0
        ? [monitor, { pid: childPid, startTimeTicks: childStartTimeTicks }]
        : [monitor];
    const ends = processes.map(
      (process) => new Promise<void>((resolve) => this.#launcher.watch(process, resolve)),
    );
    // Without descriptors nobody can be watched.
    const ended = Promise.all(ends).catch(() => undefined);
    this.#launcher.kill(monitor);
    const late = new AbortController();
    await Promise.race([ended, longSleep(deathMs, late.signal).catch(() => undefined)]);
    late.abort();
  }
}
