import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { logLimits } from "../../../docker/log-config.ts";
import type { RuntimeName } from "../../../protocol/engine.ts";
import { guestConfiguration, idleProcess, noGuestNetwork } from "../agent-requests.ts";
import type { CopyPath } from "../machine/copy-path.ts";
import { Machine, type MachinePlace } from "../machine/machine.ts";
import type { StateDir } from "../records/state-dir.ts";
import type { VmFiles } from "../records/vm-record.ts";
import type { PreparedVm } from "../runtimes/runtime.ts";
import { GuestFiles } from "./guest-files.ts";

export interface HelperMachineOptions {
  state: StateDir;
  runtime: RuntimeName;
  /** Where a machine with this id and directory lives. */
  place(id: string, files: VmFiles): MachinePlace;
  /** What it boots from; it may write into `scratch`, its directory, alone. */
  prepare(scratch: VmFiles): Promise<PreparedVm>;
  /** Called when the agent has configured the machine. */
  onConfigured?: () => void;
}

/** A machine that is no VM: it runs no workload, and its directory is gone with it. */
export class HelperMachine {
  readonly #machine: Machine;
  readonly #discard: () => Promise<void>;

  private constructor(machine: Machine, discard: () => Promise<void>) {
    this.#machine = machine;
    this.#discard = discard;
  }

  static async boot(options: HelperMachineOptions): Promise<HelperMachine> {
    const id = randomBytes(32).toString("hex");
    const scratch = await options.state.scratch(id);
    const discard = (): Promise<void> => options.state.discard(scratch);
    let machine: Machine | undefined;
    try {
      const prepared = await options.prepare(scratch);
      const log = logLimits({ driver: "none", options: {} });
      const spec = { runtime: options.runtime, autoRemove: false, log, ...prepared.launch };
      machine = await Machine.launch(options.place(id, scratch), spec);
      await machine.connect();
      const guest = { ...noGuestNetwork, hostname: id.slice(0, 12), disposable: false };
      await machine.start(guestConfiguration(prepared, guest), idleProcess(), options.onConfigured);
      return new HelperMachine(machine, discard);
    } catch (error) {
      const failure = machine ? await machine.fail(error) : error;
      await discard();
      throw failure;
    }
  }

  /** What may be asked of its files. */
  get files(): GuestFiles {
    return new GuestFiles(this.#machine);
  }

  /** See {@link Machine.archive}. */
  archive(copy?: CopyPath): Promise<Socket> {
    return this.#machine.archive(copy);
  }

  async close(): Promise<void> {
    await this.#machine.terminate();
    await this.#discard();
  }
}
