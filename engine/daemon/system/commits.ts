import { type DockerConfig, mergedConfig } from "../../docker/config-changes.ts";
import type { FileChange, VmCommitParams } from "../../protocol/changes.ts";
import type { ImageStore } from "../images/image-store.ts";
import { committedConfig } from "../vms/guest-files/committed-config.ts";
import type { VmManager } from "../vms/vm-manager.ts";

/** What VMs have changed of their images, and new images of that: Docker's `diff` and `commit`. */
export class Commits {
  readonly #vms: Pick<VmManager, "useFiles" | "publish">;
  readonly #images: Pick<ImageStore, "commit">;

  constructor(vms: Pick<VmManager, "useFiles" | "publish">, images: Pick<ImageStore, "commit">) {
    this.#vms = vms;
    this.#images = images;
  }

  /** In the order of names. What is in volumes belongs to no image. @throws VM_NOT_FOUND */
  diff(vm: string, signal: AbortSignal): Promise<FileChange[]> {
    return this.#vms.useFiles({ vm, changes: false }, (files) => files.changes(signal), signal);
  }

  /**
   * Makes an image of a VM that runs or does not. With `pause` the file system of one that runs is frozen
   * meanwhile: what would write waits. The simulation, whose file system is the host's, goes on.
   * @param given how the image is run, where that is not as the VM
   * @returns the image's ID @throws VM_NOT_FOUND, and as {@link ImageStore.commit}
   */
  async commit(params: VmCommitParams, signal: AbortSignal, given: DockerConfig = {}): Promise<string> {
    const { vm, reference, author = "", message = "", changes = [], pause = true } = params;
    return await this.#vms.useFiles(
      { vm, changes: false },
      async (files, config) => {
        const id = await this.#images.commit(
          config.imageId,
          {
            reference,
            author,
            comment: message,
            createdBy: config.cmd.join(" "),
            config: mergedConfig(committedConfig(config), given),
            changes,
          },
          files.layer({ freezes: pause }, signal),
          signal,
        );
        this.#vms.publish(config.id, "commit", { comment: message, imageID: id, imageRef: reference ?? "" });
        return id;
      },
      signal,
    );
  }
}
