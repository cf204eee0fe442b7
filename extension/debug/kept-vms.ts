/** VMs whose sessions start again: each is kept for the next session that wants just such a VM. */
import type { DebugVm } from "./debug-process.ts";

/** The editor runs the task before the launch meanwhile, which may be a build. */
const keptMs = 60_000;

interface Kept {
  vm: Promise<DebugVm | undefined>;
  timer: NodeJS.Timeout;
}

export class KeptVms {
  readonly #vms = new Map<string, Kept>();

  /**
   * Keeps a VM, once its session is over, for a while. `key` says what it is like. Undefined: there is none
   * to be kept after all.
   */
  keep(key: string, vm: Promise<DebugVm | undefined>): void {
    this.#drop(key);
    const timer = setTimeout(() => this.#drop(key), keptMs);
    timer.unref();
    this.#vms.set(key, { vm, timer });
  }

  /** The VM that is kept, which runs; it is the caller's then. */
  async take(key: string): Promise<DebugVm | undefined> {
    const kept = this.#vms.get(key);
    if (kept === undefined) return undefined;
    this.#vms.delete(key);
    clearTimeout(kept.timer);
    const vm = await kept.vm;
    const hasEnded = await Promise.race([vm?.ended, Promise.resolve()]);
    return hasEnded === undefined ? vm : undefined;
  }

  /** Removes all of them. */
  dispose(): void {
    for (const key of [...this.#vms.keys()]) this.#drop(key);
  }

  #drop(key: string): void {
    const kept = this.#vms.get(key);
    if (kept === undefined) return;
    this.#vms.delete(key);
    clearTimeout(kept.timer);
    kept.vm.then((vm) => vm?.remove());
  }
}
