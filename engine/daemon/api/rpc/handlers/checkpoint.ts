import { checkpointCreate, checkpointList, checkpointRemove } from "../../../../protocol/checkpoint.ts";
import * as params from "../../../../protocol/params/checkpoint.ts";
import { VmStartParams } from "../../../../protocol/params/vm.ts";
import { vmStart } from "../../../../protocol/vm.ts";
import type { Checkpoints } from "../../../vms/checkpoints/checkpoints.ts";
import type { RpcConnection } from "../rpc-connection.ts";

export interface CheckpointServices {
  checkpoints: Pick<Checkpoints, "create" | "list" | "remove" | "start">;
}

/** Checkpoints of VMs, and starts, which may be from one. */
export function bindCheckpoints(rpc: RpcConnection, { checkpoints }: CheckpointServices): void {
  rpc.handle(checkpointCreate, params.CheckpointCreateParams, (request, signal) =>
    checkpoints.create(request, { signal, onProgress: rpc.progress(request.progressToken) }),
  );
  rpc.handle(checkpointList, params.CheckpointListParams, (request) => checkpoints.list(request));
  rpc.handle(checkpointRemove, params.CheckpointParams, async (request) => {
    await checkpoints.remove(request);
    return null;
  });
  rpc.handle(vmStart, VmStartParams, (request) =>
    checkpoints.start(request, rpc.progress(request.progressToken)),
  );
}
