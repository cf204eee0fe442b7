import type { RuntimeName } from "../../../protocol/engine.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { Runtime } from "./runtime.ts";

export interface RuntimeChoice {
  runtime: Runtime;
  /** Why it is the simulation, when nobody asked for it. */
  simulationReason?: string;
}

/** The runtimes there are, and which one a VM gets. */
export class Runtimes {
  readonly #krun: Runtime;
  readonly #simulation: Runtime;

  constructor(krun: Runtime, simulation: Runtime) {
    this.#krun = krun;
    this.#simulation = simulation;
  }

  byName(name: RuntimeName): Runtime {
    return name === "krun" ? this.#krun : this.#simulation;
  }

  /**
   * `auto` takes krun where a VM can boot, else the simulation with the reason. A runtime asked for by name
   * fails closed: nobody who wanted a VM gets a simulation.
   */
  choose(wanted: "auto" | RuntimeName): RuntimeChoice {
    if (wanted === "simulation") return { runtime: this.#simulation };
    const krun = this.#krun.availability();
    if (krun.usable) return { runtime: this.#krun };
    if (wanted === "krun") {
      throw new MockerError(krun.code, `the krun runtime cannot run here: ${krun.reason}`, {
        hint: krun.hint,
      });
    }
    return { runtime: this.#simulation, simulationReason: krun.reason };
  }
}
