import type { LibkrunInfo } from "../../../../../native/index.ts";
import { MockerError } from "../../../../protocol/errors.ts";

/** The part of a VM's configuration that depends on what the loaded libkrun can do. */
export interface KrunConfig {
  cpus: number;
  memoryMiB: number;
  disks: { format: "raw" | "vmdk" }[];
  shares: number;
  /** How many network cards it is to have. */
  cards: number;
  /** Without a card: the host's network. */
  tsi: boolean;
}

/** libkrun takes the number of CPUs as one byte. */
const cpusOfApi = 255;
/**
 * How many disks, shares and cards there can be. libkrun gives each device an interrupt of its own: on x86_64
 * those from 5 to 15 (krun-arch, layout.rs), of which balloon, random numbers, console, boot share and vsock
 * take five. On aarch64 the letters of /dev/vdX end first.
 */
const deviceRoom = process.arch === "x64" ? 6 : 24;
/** The image's and the VM's own. */
const ownDisks = 2;

/**
 * Whether the shares have to have one virtio-fs device, and not one each, for a VM's devices to find room.
 */
export function mustJoinShares({
  disks,
  shares,
  cards,
}: Pick<KrunConfig, "disks" | "shares" | "cards">): boolean {
  return shares > 1 && disks.length + shares + cards > deviceRoom;
}

/**
 * Refuses a VM that this libkrun cannot run, in the user's terms, before anything is started.
 * Read-only shares need no support: mocker-vmm's jail enforces them too.
 * @throws MockerError INVALID_ARGUMENT or FEATURE_UNAVAILABLE
 */
export function checkKrunConfig(library: LibkrunInfo, config: KrunConfig): void {
  const most = Math.min(library.maxVcpus || cpusOfApi, cpusOfApi);
  if (!Number.isInteger(config.cpus) || config.cpus < 1 || config.cpus > most) {
    throw new MockerError("INVALID_ARGUMENT", `a VM can have 1 to ${most} CPUs here, not ${config.cpus}`);
  }
  if (!Number.isInteger(config.memoryMiB) || config.memoryMiB < 64 || config.memoryMiB > 16 * 2 ** 20) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `a VM needs 64 MiB to 16 TiB of memory, not ${config.memoryMiB} MiB`,
    );
  }
  const shareDevices = mustJoinShares(config) ? 1 : config.shares;
  const blockVolumes = config.disks.length - ownDisks;
  if (config.cards + blockVolumes + shareDevices > deviceRoom - ownDisks) {
    const room = deviceRoom - ownDisks - shareDevices;
    throw new MockerError(
      "INVALID_ARGUMENT",
      `a microVM has room for ${room} networks and block volumes` +
        `${shareDevices > 0 ? " beside its other volumes" : ""}, not ${config.cards + blockVolumes}`,
      { hint: "Take parts of one block volume (volume-subpath)." },
    );
  }
  if (config.disks.length > 0) need(library, "disks", "block devices");
  if (config.disks.length > 0) need(library, "blk", "block devices");
  if (config.disks.some(({ format }) => format === "vmdk"))
    need(library, "vmdk", "disks joined from several files");
  if (config.shares > 0) need(library, "shares", "shared directories");
  if (config.cards > 0) need(library, "network-cards", "networks");
  else if (!config.tsi) need(library, "network-none", "VMs without network");
}

function need(library: LibkrunInfo, feature: string, what: string): void {
  if (library.features.includes(feature)) return;
  const needed = library.missing[feature];
  throw new MockerError(
    "FEATURE_UNAVAILABLE",
    `libkrun ${library.version} (${library.path}) cannot do ${what}`,
    {
      ...(needed === undefined ? {} : { hint: `This needs ${needed}.` }),
      details: { feature },
    },
  );
}
