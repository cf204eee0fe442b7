import { posix } from "node:path";
import { copiedName } from "../../docker/copied-name.ts";
import { type CopySource, type CopyTarget, copyPlace } from "../../docker/copy-place.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { GuestFiles, GuestStat } from "../vms/guest-files/guest-files.ts";
import { guestOwner } from "../vms/guest-files/guest-owner.ts";
import type { Attachment } from "../vms/machine/attachment.ts";
import type { CopyPath } from "../vms/machine/copy-path.ts";
import { FileTaskError } from "../vms/machine/file-task.ts";
import type { VmManager } from "../vms/vm-manager.ts";
import { repackedTar } from "./repacked-tar.ts";

/** What is needed of the VmManager. */
interface CopyVms extends Pick<VmManager, "copy" | "publish"> {
  useFiles<T>(
    options: { vm: string; changes: boolean },
    use: (files: GuestFiles, vm: { id: string; user: string }) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>;
}

export interface CopyInto {
  vm: string;
  path: string;
  /** The one thing that the archive has; absent: all of it goes into the directory `path`. */
  source?: CopySource | undefined;
}

export interface VmPath {
  vm: string;
  path: string;
}

export interface ExtractInto extends VmPath {
  /** A directory is not replaced by what is none, nor the other way round. */
  keepsKinds: boolean;
  /**
   * Everything belongs to the user as whom the VM runs, where that is said; otherwise as the archive says.
   */
  ownedByUser: boolean;
}

/**
 * Docker's `cp`: what a path names in a VM or an image, as a tar archive, and such an archive as files in a
 * VM. Paths that are not absolute are relative to the root; `followLink` copies what a symbolic link at the
 * path's end points to.
 */
export class Copies {
  readonly #vms: CopyVms;
  readonly #images: Pick<ImageStore, "archive">;

  constructor(vms: CopyVms, images: Pick<ImageStore, "archive">) {
    this.#vms = vms;
    this.#images = images;
  }

  /** The stream of a process whose status 2 says that there is no such path. @throws VM_NOT_FOUND */
  fromVm(vm: string, path: string, followLink: boolean): Promise<Attachment> {
    return this.#vms.copy({ vm, copy: copyPath(path, followLink) });
  }

  /**
   * Makes files of an archive in a VM, running or not, with the owners that the archive says. What was made
   * before a failure stays. @returns the destination, with a link at its end followed
   * @throws VM_NOT_FOUND; INVALID_ARGUMENT in Docker's words for a destination that is none
   */
  async intoVm(
    { vm, path, source }: CopyInto,
    archive: AsyncIterable<Buffer>,
    signal: AbortSignal,
  ): Promise<string> {
    return await this.#vms.useFiles(
      { vm, changes: true },
      async (files, { id }) => {
        const target = await findTarget(files, `${vm}:${path}`, path, signal);
        if (source === undefined && target.kind !== "directory")
          throw new MockerError("INVALID_ARGUMENT", `destination "${vm}:${path}" must be a directory`);
        const { directory, rename } = source ? copyPlace(source, target) : { directory: target.path };
        const renaming = source && rename !== undefined ? { from: source.name, to: rename } : undefined;
        try {
          await files.extract(
            absolute(directory),
            repackedTar(archive, { rename: renaming }),
            { keepsKinds: true },
            signal,
          );
        } catch (error) {
          if (!(error instanceof FileTaskError) || !error.isMissing) throw error;
          throw new MockerError(
            "INVALID_ARGUMENT",
            `Could not find the file ${directory} in container ${vm}`,
          );
        }
        this.#vms.publish(id, "extract-to-dir");
        return target.path;
      },
      signal,
    );
  }

  /** What a path leads to in a VM, of a link the link; undefined where nothing is. @throws VM_NOT_FOUND */
  stat({ vm, path }: VmPath, signal: AbortSignal): Promise<GuestStat | undefined> {
    return this.#vms.useFiles({ vm, changes: false }, (files) => files.stat(absolute(path), signal), signal);
  }

  /**
   * Gives `use` what a path leads to in a VM, with an archive of it: a link is copied as one. False where
   * nothing is. @throws VM_NOT_FOUND
   */
  archiveOf(
    { vm, path }: VmPath,
    use: (stat: GuestStat, archive: AsyncIterable<Buffer>) => Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean> {
    return this.#vms.useFiles(
      { vm, changes: false },
      async (files, { id }) => {
        const stat = await files.stat(absolute(path), signal);
        if (!stat) return false;
        this.#vms.publish(id, "archive-path");
        await use(stat, files.archive(copyPath(path, false), signal));
        return true;
      },
      signal,
    );
  }

  /** Gives `use` an archive of a VM's root file system, without volumes. @throws VM_NOT_FOUND */
  export(
    vm: string,
    use: (archive: AsyncIterable<Buffer>) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#vms.useFiles(
      { vm, changes: false },
      async (files, { id }) => {
        this.#vms.publish(id, "export");
        await use(files.archive(undefined, signal));
      },
      signal,
    );
  }

  /**
   * Makes files of an archive in a directory of a VM, running or not. What was made before a failure stays.
   * @throws VM_NOT_FOUND, INVALID_ARGUMENT
   */
  extract(
    { vm, path, keepsKinds, ownedByUser }: ExtractInto,
    archive: AsyncIterable<Buffer>,
    signal: AbortSignal,
  ): Promise<"done" | "missing" | "no-directory"> {
    return this.#vms.useFiles(
      { vm, changes: true },
      async (files, { id, user }) => {
        const target = await findTarget(files, `${vm}:${path}`, path, signal);
        if (target.kind === "missing") return "missing";
        if (target.kind !== "directory") return "no-directory";
        const owner = ownedByUser && user !== "" ? await guestOwner(files, user, signal) : undefined;
        await files.extract(absolute(target.path), repackedTar(archive, { owner }), { keepsKinds }, signal);
        this.#vms.publish(id, "extract-to-dir");
        return "done";
      },
      signal,
    );
  }

  /** @throws IMAGE_NOT_FOUND; as it is read, INVALID_ARGUMENT for a path that leads nowhere */
  async fromImage(image: string, path: string, followLink: boolean): Promise<AsyncGenerator<Buffer>> {
    const copy = copyPath(path, followLink);
    return worded(await this.#images.archive(image, copy.path, copy.name, followLink), image, path);
  }
}

const kindMask = 0o170000;
const directoryKind = 0o040000;
const linkKind = 0o120000;
const deviceKinds: readonly number[] = [0o020000, 0o060000];

/** What is at the destination `path`; the agent says where a link there leads, and never out of the VM. */
async function findTarget(
  files: GuestFiles,
  shown: string,
  path: string,
  signal: AbortSignal,
): Promise<CopyTarget> {
  let place = path;
  let found = path === "" ? undefined : await files.stat(absolute(path), signal);
  if (found && (found.mode & kindMask) === linkKind) {
    place = found.linkTarget;
    found = await files.stat(place, signal);
  }
  if (!found) return { path: place, kind: "missing" };
  const kind = found.mode & kindMask;
  if (deviceKinds.includes(kind))
    throw new MockerError(
      "INVALID_ARGUMENT",
      `destination "${shown}" must be a directory or a regular file: got a device`,
    );
  return { path: place, kind: kind === directoryKind ? "directory" : "other" };
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
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
