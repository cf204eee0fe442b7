import { posix } from "node:path";
import { copiedName } from "../../docker/copied-name.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { Attachment } from "../vms/machine/attachment.ts";
import type { CopyPath } from "../vms/machine/copy-path.ts";
import type { VmManager } from "../vms/vm-manager.ts";

/**
 * What a path names in a VM or an image, as a tar archive: Docker's `cp`. Paths that are not absolute are
 * relative to the root; `followLink` copies what a symbolic link at the path's end points to.
 */
export class Copies {
  readonly #vms: Pick<VmManager, "copy">;
  readonly #images: Pick<ImageStore, "archive">;

  constructor(vms: Pick<VmManager, "copy">, images: Pick<ImageStore, "archive">) {
    this.#vms = vms;
    this.#images = images;
  }

  /** The stream of a process whose status 2 says that there is no such path. @throws VM_NOT_FOUND */
  fromVm(vm: string, path: string, followLink: boolean): Promise<Attachment> {
    return this.#vms.copy({ vm, copy: copyPath(path, followLink) });
  }

  /** @throws IMAGE_NOT_FOUND; as it is read, INVALID_ARGUMENT for a path that leads nowhere */
  async fromImage(image: string, path: string, followLink: boolean): Promise<AsyncGenerator<Buffer>> {
    const copy = copyPath(path, followLink);
    return worded(await this.#images.archive(image, copy.path, copy.name, followLink), image, path);
  }
}

/** As Docker does: relative to the root, and clean but for what says that it is a directory. */
function copyPath(path: string, followLink: boolean): CopyPath {
  const clean = posix.join("/", path);
  const whole = /(^|\/)\.$/.test(path) && clean !== "/" ? posix.join(clean, "/") : clean;
  return { path: whole, name: copiedName(path), followLink };
}

async function* worded(chunks: AsyncIterable<Buffer>, name: string, path: string): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT")
      throw new MockerError("INVALID_ARGUMENT", `Could not find the file ${path} in image ${name}`);
    if (code === "ENOTDIR") throw new MockerError("INVALID_ARGUMENT", `${name}:${path}: not a directory`);
    if (code === "ELOOP")
      throw new MockerError("INVALID_ARGUMENT", `${name}:${path}: too many levels of symbolic links`);
    throw error;
  }
}
