import * as params from "../../../../protocol/params/volume.ts";
import {
  volumeCreate,
  volumeDidChange,
  volumeInspect,
  volumeList,
  volumePrune,
  volumeRemove,
} from "../../../../protocol/volume.ts";
import type { VolumeService } from "../../../volumes/volume-service.ts";
import type { RpcConnection } from "../rpc-connection.ts";

export interface VolumeServices {
  volumes: Pick<VolumeService, "create" | "inspect" | "list" | "onDidChange" | "prune" | "remove">;
}

export function bindVolumes(rpc: RpcConnection, { volumes }: VolumeServices): void {
  rpc.handle(volumeCreate, params.VolumeCreateParams, (request) => volumes.create(request));
  rpc.handle(volumeList, params.VolumeListParams, (request) => volumes.list(request));
  rpc.handle(volumeInspect, params.VolumeParams, (request) => volumes.inspect(request));
  rpc.handle(volumeRemove, params.VolumeRemoveParams, async (request) => {
    await volumes.remove(request);
    return null;
  });
  rpc.handle(volumePrune, params.VolumePruneParams, (request) => volumes.prune(request));
  const changes = volumes.onDidChange((change) => rpc.notify(volumeDidChange, change));
  rpc.onClose(() => changes.dispose());
}
