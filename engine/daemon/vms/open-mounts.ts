import { chmod, mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MockerError } from "../../protocol/errors.ts";
import type { Mount } from "../../protocol/vm.ts";
import { noSource } from "./mounts.ts";
import type { HostDisk, HostMount, HostShare } from "./runtimes/guest-mounts.ts";

/** What VMs need of volumes; see VolumeService. */
export interface VmVolumes {
  ensure(volume: {
    name: string;
    anonymous?: boolean | undefined;
    driver?: string | undefined;
    options?: Record<string, string> | undefined;
    labels?: Record<string, string> | undefined;
    removedWith?: string | undefined;
  }): void;
  open(
    opening: {
      name: string;
      vmId: string;
      target: string;
      readOnly: boolean;
      copies: boolean;
      neverRan: boolean;
    },
    signal: AbortSignal,
  ): Promise<VolumeLease>;
  adopt(name: string, vmId: string): () => void;
  removeUnused(names: readonly string[]): Promise<void>;
  pathOf(name: string): string | undefined;
}

interface VolumeLease {
  path: string;
  kind: "directory" | "block";
  writes: boolean;
  fill: boolean;
  clear: boolean;
  filled(): void;
  close(): void;
}

type OpenVolume = Pick<VolumeLease, "fill" | "clear" | "filled" | "close">;

type VolumeMount = Mount & { type: "volume"; name: string };

/** The mounts of a VM that starts or runs: directories of the host are there, volumes are its own to use. */
export class OpenMounts {
  readonly mounts: readonly HostMount[];
  readonly #leases: readonly OpenVolume[];

  private constructor(mounts: readonly HostMount[], leases: readonly OpenVolume[]) {
    this.mounts = mounts;
    this.#leases = leases;
  }

  /**
   * @param neverRan a volume that is empty gets what the image has
   * @throws MOUNT_INVALID; what opening a volume throws; the signal's reason
   */
  static async open(
    volumes: VmVolumes,
    { vmId, mounts, neverRan }: { vmId: string; mounts: readonly Mount[]; neverRan: boolean },
    signal: AbortSignal,
  ): Promise<OpenMounts> {
    const leases = new Map<string, VolumeLease>();
    try {
      const firsts = new Map(
        mounts
          .filter(isVolume)
          .reverse()
          .map((mount) => [mount.name, mount]),
      );
      // In one order, so that two VMs never wait for each other.
      for (const name of [...firsts.keys()].sort()) {
        const first = firsts.get(name);
        if (!first) continue;
        const { target, noCopy = false, subpath } = first;
        const readOnly = mounts.every(
          (mount) => mount.type !== "volume" || mount.name !== name || mount.readOnly,
        );
        const copies = !noCopy && subpath === undefined;
        const opening = { name, vmId, target, readOnly, copies, neverRan };
        leases.set(name, await volumes.open(opening, signal));
      }
      const filled = new Set<string>();
      const open: HostMount[] = [];
      for (const mount of mounts) {
        if (mount.type === "tmpfs") open.push(mount);
        else if (mount.type === "bind") open.push(await openBind(mount));
        else if (isVolume(mount)) {
          const lease = leases.get(mount.name);
          if (!lease) continue;
          // Several mounts of one volume: the agent fills it at the first one's target.
          const { fill, clear } = filled.has(mount.name) ? { fill: false, clear: false } : lease;
          filled.add(mount.name);
          open.push(volumeMount(mount, { ...lease, fill, clear }));
        }
      }
      return new OpenMounts(open, [...leases.values()]);
    } catch (error) {
      for (const lease of leases.values()) lease.close();
      throw error;
    }
  }

  /** Of a VM that was taken over from an engine before. */
  static adopt(volumes: VmVolumes, vmId: string, mounts: readonly Mount[]): OpenMounts {
    const names = new Set(mounts.filter(isVolume).map(({ name }) => name));
    const leases = [...names].map((name) => ({
      fill: false,
      clear: false,
      filled: () => undefined,
      close: volumes.adopt(name, vmId),
    }));
    return new OpenMounts([], leases);
  }

  /** The guest agent is to change volumes before the workload may start. */
  get changesVolumes(): boolean {
    return this.#leases.some(({ fill, clear }) => fill || clear);
  }

  /** The agent has done so. */
  filled(): void {
    for (const lease of this.#leases) lease.filled();
  }

  close(): void {
    for (const lease of this.#leases) lease.close();
  }
}

export function isVolume(mount: Mount): mount is VolumeMount {
  return mount.type === "volume" && mount.name !== undefined;
}

function volumeMount(
  { name, target, readOnly, subpath }: VolumeMount,
  { path: source, kind, writes, fill, clear }: VolumeLease,
): HostShare | HostDisk {
  const place = { source, target, readOnly, fill, clear };
  const part = subpath === undefined ? {} : { subpath: checkedSubpath(subpath) };
  return kind === "block"
    ? { type: "disk", volume: name, writes, ...place, ...part }
    : { type: "share", sourceKind: "directory", ...place, ...part };
}

async function openBind({
  source,
  mustExist,
  target,
  readOnly,
}: Mount & { type: "bind" }): Promise<HostShare> {
  let found = await stat(source).catch(() => undefined);
  if (!found && mustExist) throw noSource(source);
  if (!found) {
    await makeDirectory(source);
    found = await stat(source);
  }
  const sourceKind = found.isDirectory() ? "directory" : found.isFile() ? "file" : "other";
  return { type: "share", source, sourceKind, target, readOnly };
}

/** A directory and those above it as Docker makes them, whatever this process's umask. */
async function makeDirectory(path: string): Promise<void> {
  try {
    const first = await mkdir(path, { recursive: true });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
  } catch (error) {
    throw new MockerError(
      "MOUNT_INVALID",
      `cannot create the host directory ${path}: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  }
}

/** Docker's rule: a path within the volume. */
function checkedSubpath(subpath: string): string {
  const inside = join("/", subpath).slice(1);
  if (subpath.startsWith("/") || subpath.split("/").includes("..") || inside === "") {
    throw new MockerError("MOUNT_INVALID", `subpath must be a relative path within the volume: ${subpath}`);
  }
  return inside;
}
