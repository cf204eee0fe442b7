import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { unlessAborted } from "../../../common/abort.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { StreamRef } from "../../../protocol/stream.ts";
import { receiveBytes } from "./byte-stream.ts";
import type { Streams } from "./streams.ts";

/** How long a stream waits for the request that takes its bytes, and the request for the stream. */
const waitMs = 30_000;

/** Uploads that clients have begun and requests have yet to take. */
export class Uploads {
  readonly #streams: Streams;
  readonly #pending = new Map<string, Promise<Socket>>();

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  begin(): { upload: string; stream: StreamRef } {
    const upload = randomBytes(16).toString("hex");
    let stream: StreamRef | undefined;
    const socket = new Promise<Socket>((resolve, reject) => {
      const timer = setTimeout(() => {
        if (this.#pending.delete(upload)) socket.then((idle) => idle.destroy()).catch(() => undefined);
        reject(new MockerError("INVALID_ARGUMENT", "nothing was sent for the upload"));
      }, waitMs);
      timer.unref();
      stream = this.#streams.offer(resolve);
    });
    socket.catch(() => undefined);
    this.#pending.set(upload, socket);
    if (stream === undefined) throw new Error("unreachable");
    return { upload, stream };
  }

  /**
   * Gives `use` the bytes of an upload; each can be taken once. `signal` ends a wait for more of them. When
   * `use` has ended the client's stream is closed, whether anybody has read from it or not.
   */
  async take<T>(
    upload: string,
    signal: AbortSignal,
    use: (chunks: AsyncIterable<Buffer>) => Promise<T>,
  ): Promise<T> {
    const socket = this.#pending.get(upload);
    if (!socket) throw new MockerError("INVALID_ARGUMENT", `there is no upload ${upload}`);
    this.#pending.delete(upload);
    const close = (): void => void socket.then((opened) => opened.destroy()).catch(() => undefined);
    signal.addEventListener("abort", close, { once: true });
    try {
      return await use(bytesOf(socket, signal));
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  }
}

async function* bytesOf(socket: Promise<Socket>, signal: AbortSignal): AsyncGenerator<Buffer> {
  yield* receiveBytes(await unlessAborted(socket, signal));
}
