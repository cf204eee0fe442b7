import type { VmSummary } from "../../engine/protocol/index.ts";
import { isRunning } from "./store.ts";

/** How a VM that this window ends, or has ended, differs from one that ended by itself. */
export type Ending = "stopping" | "stopped";

/**
 * The VMs that this window ends. The exit code of one that was killed because it did not stop is no failure
 * of it.
 */
export class Stops {
  readonly #changed: () => void;
  /** The start of the run that is to end, by the VM's ID. */
  readonly #runs = new Map<string, string | undefined>();

  /** `changed` is called when `endingOf` may give something else. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Ends a VM by `stop`. Rejects as that does. */
  async end(vm: VmSummary, stop: () => Promise<unknown>): Promise<void> {
    this.#runs.set(vm.id, vm.startedAt);
    this.#changed();
    try {
      await stop();
    } catch (error) {
      this.#runs.delete(vm.id);
      this.#changed();
      throw error;
    }
  }

  endingOf(vm: VmSummary): Ending | undefined {
    if (!this.#runs.has(vm.id) || this.#runs.get(vm.id) !== vm.startedAt) return undefined;
    if (isRunning(vm)) return "stopping";
    return vm.state === "exited" ? "stopped" : undefined;
  }
}
