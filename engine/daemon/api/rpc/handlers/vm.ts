import * as params from "../../../../protocol/params/vm.ts";
import {
  vmAttach,
  vmCreate,
  vmDidChange,
  vmExport,
  vmInspect,
  vmKill,
  vmList,
  vmLogs,
  vmPause,
  vmPrune,
  vmRemove,
  vmRename,
  vmResize,
  vmRestart,
  vmStats,
  vmStop,
  vmTop,
  vmUnpause,
  vmUpdate,
  vmWait,
} from "../../../../protocol/vm.ts";
import type { VmManager } from "../../../vms/vm-manager.ts";
import type { RpcConnection } from "../rpc-connection.ts";
import type { StreamServer } from "../stream-server.ts";
import { offerAttachment } from "./offer-attachment.ts";

export interface VmServices {
  vms: Pick<
    VmManager,
    | "attach"
    | "create"
    | "export"
    | "inspect"
    | "kill"
    | "list"
    | "logs"
    | "onDidChange"
    | "pause"
    | "prune"
    | "remove"
    | "rename"
    | "resize"
    | "restart"
    | "start"
    | "stats"
    | "stop"
    | "top"
    | "unpause"
    | "update"
    | "wait"
  >;
  streams: StreamServer;
}

/** VMs and their main processes; other processes in them are in exec.ts. */
export function bindVms(rpc: RpcConnection, { vms, streams }: VmServices): void {
  rpc.handle(vmCreate, params.VmCreateParams, (request) => vms.create(request));
  rpc.handle(vmStop, params.VmStopParams, (request) => vms.stop(request));
  rpc.handle(vmRestart, params.VmRestartParams, (request) => vms.restart(request));
  rpc.handle(vmKill, params.VmKillParams, (request) => vms.kill(request));
  rpc.handle(vmRemove, params.VmRemoveParams, (request) => vms.remove(request));
  rpc.handle(vmRename, params.VmRenameParams, (request) => vms.rename(request));
  rpc.handle(vmPause, params.VmParams, (request) => vms.pause(request));
  rpc.handle(vmUnpause, params.VmParams, (request) => vms.unpause(request));
  rpc.handle(vmUpdate, params.VmUpdateParams, (request) => vms.update(request));
  rpc.handle(vmPrune, params.VmPruneParams, (request) => vms.prune(request));
  rpc.handle(vmTop, params.VmTopParams, (request) => vms.top(request));
  rpc.handle(vmStats, params.VmParams, (request) => vms.stats(request));
  rpc.handle(vmList, params.VmListParams, (request) => vms.list(request));
  rpc.handle(vmInspect, params.VmParams, (request) => vms.inspect(request));
  rpc.handle(vmWait, params.VmWaitParams, (request) => vms.wait(request));
  rpc.handle(vmResize, params.VmResizeParams, async (request) => {
    await vms.resize(request);
    return null;
  });
  rpc.handle(vmAttach, params.VmAttachParams, async (request) => {
    const { attachment, tty } = await vms.attach(request);
    return { stream: offerAttachment(rpc, streams, attachment), tty };
  });
  rpc.handle(vmLogs, params.VmLogsParams, async (request) => {
    const { log, tty, warnings } = await vms.logs(request);
    return { stream: streams.offer((socket) => log.send(socket)), tty, warnings };
  });
  rpc.handle(vmExport, params.VmParams, async (request) => {
    const attachment = await vms.export(request);
    return { stream: offerAttachment(rpc, streams, attachment) };
  });
  const changes = vms.onDidChange((change) => rpc.notify(vmDidChange, change));
  rpc.onClose(() => changes.dispose());
}
