import * as native from "../../../../../native/index.ts";
import { MockerError } from "../../../../protocol/errors.ts";
import { cardsOf } from "../../../networks/attachments.ts";
import type { KrunDisk } from "../../machine/launch-spec.ts";
import type { VmFiles } from "../../records/vm-record.ts";
import { disksOf, guestMounts, type HostShare, sharesOf } from "../guest-mounts.ts";
import type { Availability, BootRequest, PreparedVm, Runtime } from "../runtime.ts";
import { checkKrunConfig, type KrunConfig, mustJoinShares } from "./krun-config.ts";
import { findKrunLibrary, krunLibrary } from "./krun-library.ts";
import { copyWritableDisk, ensureWritableDisk } from "./writable-disk.ts";

const seeDoctor = "See: mocker doctor";
/** What the share of a single file calls it (krun-child.cc). */
const onlyFileName = "file";
const joinedTag = "volumes";
/** After vda, the image, and vdb, the VM's own files. */
const firstVolumeLetter = "c".charCodeAt(0);

interface Images {
  rootDisk(imageId: string): Promise<{ path: string; files: string[] }>;
}

/**
 * MicroVMs through libkrun: the image as a read-only disk, the VM's own files on a second one, block volumes
 * on further ones, other volumes over virtio-fs.
 */
export class KrunRuntime implements Runtime {
  readonly name = "krun";
  readonly #images: Images;

  constructor(images: Images) {
    this.#images = images;
  }

  availability(): Availability {
    const kvm = native.kvmStatus();
    if (!kvm.usable) {
      return {
        usable: false,
        code: "KVM_UNAVAILABLE",
        reason: kvm.reason ?? "no KVM",
        hint: kvm.hint ?? seeDoctor,
      };
    }
    const library = findKrunLibrary();
    if (library instanceof MockerError) {
      return { usable: false, code: library.code, reason: library.message, hint: library.hint ?? seeDoctor };
    }
    return { usable: true };
  }

  async unaskedProblem(): Promise<undefined> {
    return undefined;
  }

  cardsProblem(): undefined {
    return undefined;
  }

  async prepareCopy(request: BootRequest, files: VmFiles, scratch: VmFiles): Promise<PreparedVm> {
    await copyWritableDisk(files.diskPath, scratch.diskPath);
    return await this.prepare(request, scratch);
  }

  async prepareChange(request: BootRequest, files: VmFiles, scratch: VmFiles): Promise<PreparedVm> {
    const prepared = await this.prepare(request, files);
    const { krun } = prepared.launch;
    if (!krun) return prepared;
    return { ...prepared, launch: { krun: { ...krun, consolePath: scratch.consolePath } } };
  }

  async prepare(request: BootRequest, files: VmFiles): Promise<PreparedVm> {
    const available = this.availability();
    if (!available.usable) {
      throw new MockerError(available.code, `the krun runtime cannot run here: ${available.reason}`, {
        hint: available.hint,
      });
    }
    const library = krunLibrary();
    const shares = sharesOf(request.mounts);
    const blockVolumes = disksOf(request.mounts);
    refuseSpecialFiles(shares);
    const config: KrunConfig = {
      cpus: request.cpus,
      memoryMiB: request.memoryMiB,
      disks: [{ format: "vmdk" }, { format: "raw" }, ...blockVolumes.map(() => ({ format: "raw" as const }))],
      shares: shares.length,
      cards: cardsOf(request.network),
      tsi: request.network.mode === "tsi",
    };
    checkKrunConfig(library, config);
    const isJoined = mustJoinShares(config);
    const [root] = await Promise.all([
      this.#images.rootDisk(request.imageId),
      ensureWritableDisk(files.diskPath),
    ]);
    const mounts = guestMounts(
      request.mounts,
      ({ sourceKind }, index) => ({
        kind: "virtiofs",
        ...(isJoined ? { source: joinedTag, place: String(index) } : { source: `vol${index}` }),
        ...(sourceKind === "file" ? { subpath: onlyFileName } : {}),
      }),
      (_, index) => `/dev/vd${String.fromCharCode(firstVolumeLetter + index)}`,
    );
    return {
      launch: {
        krun: {
          libkrunPath: library.path,
          kernelPath: library.kernelPath,
          cpus: request.cpus,
          memoryMiB: request.memoryMiB,
          disks: [
            { id: "root", path: root.path, format: "vmdk", readOnly: true },
            { id: "data", path: files.diskPath, format: "raw", readOnly: false },
            // Raw and never probed: a guest that writes another format's header gets no further.
            ...blockVolumes.map(
              ({ source: path, writes }, index): KrunDisk => ({
                id: `block${index}`,
                path,
                format: "raw",
                readOnly: !writes,
              }),
            ),
          ],
          diskFiles: [
            ...[root.path, ...root.files, files.diskPath],
            ...blockVolumes.map(({ source }) => source),
          ],
          shares: shares.map(({ source, readOnly, fill, clear }, index) => ({
            tag: `vol${index}`,
            path: source,
            // The agent writes into it before it is read-only for the guest.
            readOnly: readOnly && !fill && !clear,
          })),
          ...(isJoined ? { joinedTag } : {}),
          network: request.network.mode === "tsi" ? "tsi" : "none",
          weakJail: request.weakJail ?? false,
          consolePath: files.consolePath,
        },
      },
      rootfs: { kind: "disks", lower: "/dev/vda", lowerType: "erofs", upper: "/dev/vdb", upperType: "ext4" },
      mounts,
    };
  }
}

/** virtio-fs shares directories, and files by way of one; what a device or a socket is it cannot say. */
function refuseSpecialFiles(shares: readonly HostShare[]): void {
  for (const { source, sourceKind } of shares) {
    if (sourceKind !== "other") continue;
    throw new MockerError(
      "MOUNT_INVALID",
      `cannot share ${source} with a microVM: it is neither a directory nor a regular file`,
      { hint: "Devices, sockets and pipes of the host are out of a VM's reach." },
    );
  }
}
