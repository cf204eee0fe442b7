import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AbstractMessageReader, type DataCallback, type Disposable } from "vscode-jsonrpc/node";
import type { BoundedWriter } from "./bounded-writer.ts";
import { FramingError, MessageDecoder, type MessageLimits } from "./message-decoder.ts";

/**
 * Reads a client's messages from a socket, within limits: vscode-jsonrpc's own reader keeps all that is sent,
 * for ever. A client that oversteps them is cut off; that is one error event, then the close event. A client
 * that does not read what `writer` has for it is not read from.
 */
export class BoundedReader extends AbstractMessageReader {
  readonly #socket: Socket;
  readonly #writer: Pick<BoundedWriter, "room">;
  readonly #limits: MessageLimits;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, writer: Pick<BoundedWriter, "room">, limits: MessageLimits) {
    super();
    this.#socket = socket;
    this.#writer = writer;
    this.#limits = limits;
  }

  override listen(callback: DataCallback): Disposable {
    // A client may leave at any time: that is no error.
    const ended = this.#read(callback).catch(() => undefined);
    void ended.then(() => {
      this.#endWait();
      this.#socket.destroy();
      this.fireClose();
    });
    return { dispose: () => undefined };
  }

  async #read(callback: DataCallback): Promise<void> {
    const decoder = new MessageDecoder(this.#limits);
    for await (const chunk of this.#socket) {
      try {
        for (const message of decoder.push(chunk)) {
          this.#endWait();
          callback(message);
          // The connection takes one message in a turn: no more of them are read than it takes.
          await nextTurn();
          await this.#writer.room();
        }
      } catch (error) {
        this.fireError(error);
        return;
      }
      if (decoder.isPartial) this.#beginWait();
    }
  }

  /** For the rest of a message. */
  #beginWait(): void {
    const { messageMs } = this.#limits;
    this.#timer ??= setTimeout(() => {
      this.fireError(new FramingError(`a message took longer than ${messageMs / 1000} s`));
      this.#socket.destroy();
    }, messageMs);
  }

  #endWait(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
