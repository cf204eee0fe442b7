import type { Log } from "../../log.ts";
import { Attachment } from "../machine/attachment.ts";
import type { CopyPath } from "../machine/copy-path.ts";
import type { VmConfig } from "../records/vm-record.ts";
import type { Vm } from "../vm.ts";
import { GuestFiles } from "./guest-files.ts";
import type { VmHelpers } from "./vm-helpers.ts";

/** The files of VMs: of one that runs by its own guest agent, of one that does not by a helper machine. */
export class FileAccess {
  readonly #helpers: VmHelpers;
  readonly #log: Log;

  constructor(helpers: VmHelpers, log: Log) {
    this.#helpers = helpers;
    this.#log = log;
  }

  /**
   * The root file system, or what `copy` names in it, as a stream of tar. A helper machine is gone with the
   * stream.
   */
  async archive(vm: Vm, copy?: CopyPath): Promise<Attachment> {
    const before = copy ? "cp" : "export";
    if (vm.running) return Attachment.of(await vm.requireAwake(before).archive(copy));
    // A start that was called before has its turn before: then the disk is in use.
    const helper = await vm.turn(async () => (vm.running ? undefined : await this.#helpers.bootCopy(vm)));
    if (!helper) return Attachment.of(await vm.requireAwake(before).archive(copy));
    const close = (): Promise<void> =>
      helper.close().catch((error) => this.#log.error("vm.helper", error, { vm: vm.id }));
    try {
      const attachment = Attachment.of(await helper.archive(copy));
      attachment.closed.then(close);
      return attachment;
    } catch (error) {
      await close();
      throw error;
    }
  }

  /**
   * Gives `use` the files. What is changed in a VM that does not run stays in it; it has its volumes, and
   * does not start until `use` has ended. What is only read of it is a copy, without volumes.
   */
  async use<T>(
    { vm, changes }: { vm: Vm; changes: boolean },
    use: (files: GuestFiles, config: VmConfig) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const before = changes ? "cp" : "diff or commit";
    const useRunning = (): Promise<T> => use(new GuestFiles(vm.requireAwake(before)), vm.config);
    if (vm.running) return await useRunning();
    // A start that was called before has its turn before.
    if (changes)
      return await vm.turn(() =>
        vm.running ? useRunning() : this.#helpers.change(vm, (files) => use(files, vm.config), signal),
      );
    const helper = await vm.turn(async () => (vm.running ? undefined : await this.#helpers.bootCopy(vm)));
    if (!helper) return await useRunning();
    try {
      return await use(helper.files, vm.config);
    } finally {
      await helper.close();
    }
  }
}
