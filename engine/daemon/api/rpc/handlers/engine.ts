import {
  engineDoctor,
  engineInfo,
  exit,
  type InitializeParams,
  type InitializeResult,
  initialize,
  protocolVersion,
  shutdown,
} from "../../../../protocol/engine.ts";
import { MockerError } from "../../../../protocol/errors.ts";
import { InitializeParams as initializeParams } from "../../../../protocol/params/engine.ts";
import type { SystemService } from "../../../system/system-service.ts";
import type { RpcConnection } from "../rpc-connection.ts";

export interface EngineServices {
  /** The process itself; `stop` ends it, VMs go on running. */
  engine: { readonly version: string; stop(reason: string): void };
  system: Pick<SystemService, "info" | "doctor">;
}

/** Handshake, and what concerns the engine alone. */
export function bindEngine(rpc: RpcConnection, { engine, system }: EngineServices): void {
  rpc.handle(initialize, initializeParams, (params) => {
    const result = handshake(params, engine.version);
    rpc.log.debug("client.connected", { client: params.client.name, version: params.client.version });
    return result;
  });
  rpc.handle0(shutdown, () => null);
  rpc.onNotification(exit, () => engine.stop("asked to"));
  rpc.handle0(engineInfo, () => system.info());
  rpc.handle0(engineDoctor, () => system.doctor());
}

function handshake(client: InitializeParams, version: string): InitializeResult {
  if (client.protocolVersion !== protocolVersion) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `the engine speaks protocol version ${protocolVersion}, this client version ${client.protocolVersion}`,
      { hint: "Update Mocker, or end the running engine so that the right one starts." },
    );
  }
  return { protocolVersion, engine: { version, pid: process.pid }, capabilities: {} };
}
