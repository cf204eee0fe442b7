import { bindChanges, type ChangeServices } from "./handlers/changes.ts";
import { bindCheckpoints, type CheckpointServices } from "./handlers/checkpoint.ts";
import { bindCopies, type CopyServices } from "./handlers/copy.ts";
import { bindEngine, type EngineServices } from "./handlers/engine.ts";
import { bindEvents, type EventServices } from "./handlers/events.ts";
import { bindExecs, type ExecServices } from "./handlers/exec.ts";
import { bindImages, type ImageServices } from "./handlers/image.ts";
import { bindImageArchives, type ImageArchiveServices } from "./handlers/image-archive.ts";
import { bindNetworks, type NetworkServices } from "./handlers/network.ts";
import { bindRegistry, type RegistryServices } from "./handlers/registry.ts";
import { bindSystem, type SystemServices } from "./handlers/system.ts";
import { bindVms, type VmServices } from "./handlers/vm.ts";
import { bindVolumes, type VolumeServices } from "./handlers/volume.ts";
import type { RpcConnection } from "./rpc-connection.ts";

/** What stands behind this door: the engine's services, and this door's own streams. */
export type RpcServices = ChangeServices &
  CheckpointServices &
  CopyServices &
  EngineServices &
  EventServices &
  ExecServices &
  ImageArchiveServices &
  ImageServices &
  NetworkServices &
  RegistryServices &
  SystemServices &
  VmServices &
  VolumeServices;

/** Binds one client's connection to the services: requests in, results, progress and events out. */
export function bindConnection(rpc: RpcConnection, services: RpcServices): void {
  bindEngine(rpc, services);
  bindEvents(rpc, services);
  bindImages(rpc, services);
  bindImageArchives(rpc, services);
  bindNetworks(rpc, services);
  bindRegistry(rpc, services);
  bindVms(rpc, services);
  bindVolumes(rpc, services);
  bindExecs(rpc, services);
  bindCopies(rpc, services);
  bindChanges(rpc, services);
  bindCheckpoints(rpc, services);
  bindSystem(rpc, services);
}
