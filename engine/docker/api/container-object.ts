/** A container in the answers of Docker's API. */
import type { VmDetails, VmPort, VmSummary } from "../../protocol/index.ts";
import { isTmpfsFlag } from "../inspect-host-config.ts";
import { networkSettings } from "../inspect-network.ts";
import { mountObject, vmObject } from "../inspect-object.ts";
import { networkModeName } from "../network-options.ts";
import { comparePorts } from "../ports.ts";
import { commandLine } from "../run-options/command-line.ts";

/** In bytes: what a VM has written, and that with its image. */
export interface ContainerSize {
  own: number;
  whole: number;
}

/** Of `GET /containers/{id}/json`. Maps are Go's. */
export function containerObject(vm: VmDetails, size?: ContainerSize): Record<string, unknown> {
  const { Mocker, ...object } = vmObject(vm);
  return { ...object, ...sizeMembers(size) };
}

/** One of `GET /containers/json`. @param details undefined for one whose record cannot be read */
export function containerEntry(
  vm: VmSummary,
  details: VmDetails | undefined,
  size?: ContainerSize,
): Record<string, unknown> {
  const mounts = (details?.mounts ?? vm.mounts).filter((mount) => !isTmpfsFlag(mount));
  return {
    Id: vm.id,
    Names: [`/${vm.name}`],
    Image: vm.image,
    ImageID: vm.imageId,
    Command: commandLine(vm.command),
    Created: Math.floor(Date.parse(vm.createdAt) / 1000),
    Ports: [...vm.ports].sort(comparePorts).map(portObject),
    ...sizeMembers(size),
    Labels: new Map(Object.entries(vm.labels)),
    // Docker knows no "failed": such a VM has exited.
    State: vm.state === "failed" ? "exited" : vm.state,
    Status: vm.status.replace(/^Failed/, "Exited"),
    HostConfig: { NetworkMode: details ? networkModeName(details.config.network) : "default" },
    NetworkSettings: { Networks: details ? networkSettings(details).Networks : new Map() },
    Mounts: mounts.map(mountObject),
  };
}

function sizeMembers(size: ContainerSize | undefined): Record<string, number> {
  return size ? { SizeRw: size.own, SizeRootFs: size.whole } : {};
}

function portObject({ guestPort, protocol, host }: VmPort): Record<string, unknown> {
  return {
    ...(host ? { IP: host.address } : {}),
    PrivatePort: guestPort,
    ...(host ? { PublicPort: host.port } : {}),
    Type: protocol,
  };
}
