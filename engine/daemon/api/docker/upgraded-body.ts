import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { HttpError } from "./http-error.ts";

/**
 * The body of a request that asks for an upgrade: as many bytes as its headers say, of the connection that is
 * a plain stream behind them. What follows stays in it.
 */
export async function* upgradedBody(message: IncomingMessage, socket: Duplex): AsyncGenerator<Buffer> {
  if (message.headers["transfer-encoding"] !== undefined)
    throw new HttpError(400, "a request to upgrade cannot have a body of unknown length");
  let left = Number(message.headers["content-length"] ?? 0);
  while (left > 0) {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) throw new HttpError(400, "unexpected EOF");
      await Promise.race([once(socket, "readable"), once(socket, "end"), once(socket, "close")]);
      continue;
    }
    if (chunk.length > left) socket.unshift(chunk.subarray(left));
    const part = chunk.subarray(0, left);
    left -= part.length;
    yield part;
  }
}
