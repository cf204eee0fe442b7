import {
  networkConnect,
  networkCreate,
  networkDidChange,
  networkDisconnect,
  networkInspect,
  networkList,
  networkPrune,
  networkRemove,
} from "../../../../protocol/network.ts";
import * as params from "../../../../protocol/params/network.ts";
import type { Networks } from "../../../networks/networks.ts";
import type { VmManager } from "../../../vms/vm-manager.ts";
import type { RpcConnection } from "../rpc-connection.ts";

export interface NetworkServices {
  networks: Pick<Networks, "create" | "inspect" | "list" | "onDidChange" | "prune" | "remove">;
  vms: Pick<VmManager, "connect" | "disconnect">;
}

export function bindNetworks(rpc: RpcConnection, { networks, vms }: NetworkServices): void {
  rpc.handle(networkCreate, params.NetworkCreateParams, (request) => networks.create(request));
  rpc.handle(networkList, params.NetworkListParams, (request) => networks.list(request));
  rpc.handle(networkInspect, params.NetworkParams, (request) => networks.inspect(request));
  rpc.handle(networkRemove, params.NetworkParams, (request) => networks.remove(request));
  rpc.handle(networkPrune, params.NetworkPruneParams, (request) => networks.prune(request));
  rpc.handle(networkConnect, params.NetworkConnectParams, async (request) => {
    await vms.connect(request);
    return null;
  });
  rpc.handle(networkDisconnect, params.NetworkDisconnectParams, async (request) => {
    await vms.disconnect(request);
    return null;
  });
  const changes = networks.onDidChange((change) => rpc.notify(networkDidChange, change));
  rpc.onClose(() => changes.dispose());
}
