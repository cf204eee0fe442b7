import type { VmSummary } from "../../engine/protocol/index.ts";
import { isRunning } from "./store.ts";

const stateKey = "mocker.stops";
/** More are not remembered. */
const mostRemembered = 200;

/** What of a window's stops is known to the next window: the start of the run, by the VM's ID. */
export interface StopsMemory {
  get(key: typeof stateKey): Record<string, string> | undefined;
  update(key: typeof stateKey, value: Record<string, string>): Thenable<void>;
}

/** How a VM that this window ends, or has ended, differs from one that ended by itself. */
export type Ending = "stopping" | "stopped";

/**
 * The VMs that this window ends. The exit code of one that was killed because it did not stop is no failure
 * of it.
 */
export class Stops {
  readonly #changed: () => void;
  readonly #memory: StopsMemory;
  /** The start of the run that is to end, by the VM's ID. */
  readonly #runs: Map<string, string | undefined>;
  /** Whose end this window has asked for; whether an earlier one's request was refused nobody knows. */
  readonly #asked = new Set<string>();

  /** `changed` is called when `endingOf` may give something else. */
  constructor(memory: StopsMemory, changed: () => void) {
    this.#memory = memory;
    this.#changed = changed;
    this.#runs = new Map(Object.entries(memory.get(stateKey) ?? {}));
  }

  /** Ends a VM by `stop`. Rejects as that does. */
  async end(vm: VmSummary, stop: () => Promise<unknown>): Promise<void> {
    // The latest are last.
    this.#runs.delete(vm.id);
    this.#runs.set(vm.id, vm.startedAt);
    this.#asked.add(vm.id);
    this.#changed();
    this.#remember();
    try {
      await stop();
    } catch (error) {
      this.#runs.delete(vm.id);
      this.#changed();
      this.#remember();
      throw error;
    }
  }

  endingOf(vm: VmSummary): Ending | undefined {
    if (!this.#runs.has(vm.id) || this.#runs.get(vm.id) !== vm.startedAt) return undefined;
    if (isRunning(vm)) return this.#asked.has(vm.id) ? "stopping" : undefined;
    return vm.state === "exited" ? "stopped" : undefined;
  }

  #remember(): void {
    const runs = [...this.#runs].flatMap(([id, start]) =>
      start === undefined ? [] : [[id, start] as const],
    );
    this.#memory
      .update(stateKey, Object.fromEntries(runs.slice(-mostRemembered)))
      .then(undefined, () => undefined);
  }
}
