import type { Socket } from "node:net";
import type { StreamRef } from "../../../protocol/stream.ts";
import type { Log } from "../../log.ts";
import { sendBytes } from "./byte-stream.ts";
import type { Streams } from "./streams.ts";

/**
 * Offers clients what requests have opened for them, each as a stream that its client may leave at any time.
 */
export class StreamServer {
  readonly #streams: Streams;
  readonly #log: Pick<Log, "error">;

  constructor(streams: Streams, log: Pick<Log, "error">) {
    this.#streams = streams;
    this.#log = log;
  }

  /** What talks to a client by itself once the client has opened the stream. */
  offer(claim: (socket: Socket) => void): StreamRef {
    return this.#streams.offer(claim);
  }

  /**
   * Bytes: stdout frames, an exit frame or the error that broke them off last. Nothing is read of `chunks`
   * before.
   */
  offerBytes(chunks: AsyncIterable<Buffer>): StreamRef {
    return this.#streams.offer((socket) => {
      sendBytes(socket, chunks).catch((error) => {
        this.#log.error("send", error);
        socket.destroy();
      });
    });
  }
}
