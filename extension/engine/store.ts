/** What the views show, as pure data: immutable maps and the reducers that the engine's events go through. */
import type {
  ImageChange,
  ImageSummary,
  NetworkDetails,
  VmChange,
  VmSummary,
  VolumeSummary,
} from "../../engine/protocol/index.ts";

export interface Snapshot {
  /** By ID. */
  vms: ReadonlyMap<string, VmSummary>;
  images: ReadonlyMap<string, ImageSummary>;
  /** By name, in the engine's order. */
  volumes: ReadonlyMap<string, VolumeSummary>;
  /** By ID, in the engine's order. */
  networks: ReadonlyMap<string, NetworkDetails>;
}

export const emptySnapshot: Snapshot = {
  vms: new Map(),
  images: new Map(),
  volumes: new Map(),
  networks: new Map(),
};

export interface Lists {
  vms?: readonly VmSummary[];
  images?: readonly ImageSummary[];
  volumes?: readonly VolumeSummary[];
  networks?: readonly NetworkDetails[];
}

/** The snapshot with these lists in the place of those that it had. */
export function withLists(snapshot: Snapshot, { vms, images, volumes, networks }: Lists): Snapshot {
  return {
    vms: vms ? new Map(vms.map((vm) => [vm.id, vm])) : snapshot.vms,
    images: images ? new Map(images.map((image) => [image.id, image])) : snapshot.images,
    volumes: volumes ? new Map(volumes.map((volume) => [volume.name, volume])) : snapshot.volumes,
    networks: networks
      ? new Map(networks.filter(isNetwork).map((network) => [network.id, network]))
      : snapshot.networks,
  };
}

/** Docker lists `host` and `none` as well, which nothing is ever in. */
function isNetwork({ driver }: NetworkDetails): boolean {
  return driver === "bridge";
}

export function applyVmChange(snapshot: Snapshot, { kind, id, vm }: VmChange): Snapshot {
  const vms = new Map(snapshot.vms);
  if (kind === "removed") vms.delete(id);
  else if (vm !== undefined) vms.set(id, vm);
  return { ...snapshot, vms };
}

export function applyImageChange(snapshot: Snapshot, { kind, id, image }: ImageChange): Snapshot {
  const images = new Map(snapshot.images);
  if (kind === "removed") images.delete(id);
  else if (image !== undefined) images.set(id, image);
  return { ...snapshot, images };
}

export function isRunning(vm: VmSummary): boolean {
  return vm.state === "running" || vm.state === "paused";
}

/** Running VMs first, the newest of each group on top: for lists to choose from. */
export function sortedVms(snapshot: Snapshot): VmSummary[] {
  return [...snapshot.vms.values()].sort(
    (a, b) => Number(isRunning(b)) - Number(isRunning(a)) || compareText(b.createdAt, a.createdAt),
  );
}

/** By their first tag; untagged images last, newest first. */
export function sortedImages(snapshot: Snapshot): ImageSummary[] {
  return [...snapshot.images.values()].sort((a, b) => {
    const [tagA, tagB] = [a.repoTags[0], b.repoTags[0]];
    if (tagA !== undefined && tagB !== undefined) return compareText(tagA, tagB);
    if (tagA === undefined && tagB === undefined) return compareText(b.created, a.created);
    return tagA === undefined ? 1 : -1;
  });
}

/** The VMs made from an image. */
export function vmsOf(snapshot: Snapshot, imageId: string): VmSummary[] {
  return [...snapshot.vms.values()].filter((vm) => vm.imageId === imageId);
}

/** Names of the VMs made from an image. */
export function usersOf(snapshot: Snapshot, imageId: string): string[] {
  return vmsOf(snapshot, imageId).map((vm) => vm.name);
}

/** Names of the VMs that have a volume, whether they run or not. */
export function volumeUsers(snapshot: Snapshot, volume: string): string[] {
  return [...snapshot.vms.values()].filter((vm) => hasVolume(vm, volume)).map((vm) => vm.name);
}

export function hasVolume(vm: VmSummary, volume: string): boolean {
  return vm.mounts.some((mount) => mount.type === "volume" && mount.name === volume);
}

/** Names of the VMs that are made for a network, whether they run or not. */
export function networkUsers(snapshot: Snapshot, network: string): string[] {
  return [...snapshot.vms.values()].filter((vm) => vm.networks.includes(network)).map((vm) => vm.name);
}

export function runningCount(snapshot: Snapshot): number {
  let count = 0;
  for (const vm of snapshot.vms.values()) if (isRunning(vm)) count++;
  return count;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
