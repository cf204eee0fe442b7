import { type Message, SocketMessageWriter } from "vscode-jsonrpc/node";

/** Messages that may wait for a client to read them before no more is read from it. */
const maxWaiting = 64;

/** Writes a client's messages, and knows whether the client reads them. */
export class BoundedWriter extends SocketMessageWriter {
  #waiting = 0;
  #onRoom: () => void = () => undefined;

  override async write(message: Message): Promise<void> {
    this.#waiting++;
    try {
      await super.write(message);
    } finally {
      this.#waiting--;
      if (this.#waiting < maxWaiting) this.#onRoom();
    }
  }

  /** Resolves when the client has read enough, at once if it has; also when it has gone. */
  async room(): Promise<void> {
    if (this.#waiting < maxWaiting) return;
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
  }
}
