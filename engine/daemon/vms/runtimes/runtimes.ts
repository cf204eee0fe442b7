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

  /** What `auto` takes: krun where a VM can boot, else the simulation with the reason. */
  automatic(): RuntimeChoice {
    const krun = this.#krun.availability();
    if (krun.usable) return { runtime: this.#krun };
    return { runtime: this.#simulation, simulationReason: krun.reason };
  }

  /**
   * A runtime asked for by name fails closed: nobody who wanted a VM gets a simulation. And nobody gets
   * unasked a simulation that may be root on the host.
   * @throws KVM_UNAVAILABLE, LIBKRUN_UNAVAILABLE, FEATURE_UNAVAILABLE
   */
  async choose(wanted: "auto" | RuntimeName): Promise<RuntimeChoice> {
    if (wanted === "simulation") return { runtime: this.#simulation };
    const krun = this.#krun.availability();
    if (wanted === "krun" && !krun.usable) {
      throw new MockerError(krun.code, `the krun runtime cannot run here: ${krun.reason}`, {
        hint: krun.hint,
      });
    }
    const choice = this.automatic();
    const problem = await choice.runtime.unaskedProblem();
    if (problem === undefined) return choice;
    throw new MockerError(
      "FEATURE_UNAVAILABLE",
      `no microVM can run here (${choice.simulationReason}), and a simulated one would be root on this host: ${problem}`,
      {
        hint: "See: mocker doctor. Run Mocker as an ordinary user, or, for images that you trust: --runtime simulation",
      },
    );
  }
}
