import { ExecResizeParams, ExecSignalParams, VmExecParams } from "../../../../protocol/params/vm.ts";
import { execResize, execSignal, vmExec } from "../../../../protocol/vm.ts";
import type { VmManager } from "../../../vms/vm-manager.ts";
import type { RpcConnection } from "../rpc-connection.ts";
import type { StreamServer } from "../stream-server.ts";
import { offerAttachment } from "./offer-attachment.ts";

export interface ExecServices {
  vms: Pick<VmManager, "exec" | "execResize" | "execSignal">;
  streams: StreamServer;
}

/** Processes in running VMs beside their main ones. */
export function bindExecs(rpc: RpcConnection, { vms, streams }: ExecServices): void {
  rpc.handle(vmExec, VmExecParams, async (request) => {
    const { attachment, ...started } = await vms.exec(request);
    if (!attachment) return started;
    return { ...started, stream: offerAttachment(rpc, streams, attachment) };
  });
  rpc.handle(execResize, ExecResizeParams, async (request) => {
    await vms.execResize(request);
    return null;
  });
  rpc.handle(execSignal, ExecSignalParams, async (request) => {
    await vms.execSignal(request);
    return null;
  });
}
