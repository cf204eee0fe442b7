import type { StreamRef } from "../../../../protocol/stream.ts";
import type { Attachment } from "../../../vms/machine/attachment.ts";
import type { RpcConnection } from "../rpc-connection.ts";
import type { StreamServer } from "../stream-server.ts";

/**
 * Offers a process's stream to the client that has asked for it by `rpc`. If that connection ends before the
 * client has opened its stream, the stream is closed: nobody will read it, and the process would wait for it.
 */
export function offerAttachment(
  rpc: RpcConnection,
  streams: StreamServer,
  attachment: Attachment,
): StreamRef {
  const abandoned = rpc.onClose(() => attachment.abandon());
  attachment.settled.then(() => abandoned.dispose());
  return streams.offer((socket) => attachment.claim(socket));
}
