import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { FrameType, frameHeader } from "../../../protocol/stream.ts";
import { EndlessInput } from "./endless-input.ts";

const claimTimeoutMs = 30_000;

/**
 * What the end of a client's input does to the process: it reads it as the client says it; also when the
 * client goes without a word; never.
 */
export type InputEnd = "as-said" | "ends-with-client" | "endless";

/**
 * A client's stream that is promised before both of its ends exist: `vm/attach` comes before `vm/start`, and
 * a client needs a moment to open its second connection. The end that comes first waits, paused, for the
 * other; then bytes pass untouched, but for the end of an input that is to have none. What a monitor has sent
 * is still to be read after its end, however late the client comes.
 */
export class Attachment {
  #client: Duplex | undefined;
  #monitor: Socket | undefined;
  #closed = false;
  readonly #timer: NodeJS.Timeout;
  #onSettled: () => void = () => undefined;
  /** Resolves when the client has come, or will not come any more. */
  readonly settled = new Promise<void>((resolve) => {
    this.#onSettled = resolve;
  });
  #onClose: () => void = () => undefined;
  /** Resolves when it is over, whichever end ended it. */
  readonly closed = new Promise<void>((resolve) => {
    this.#onClose = resolve;
  });
  readonly #inputEnd: InputEnd;

  constructor(inputEnd: InputEnd = "as-said") {
    this.#inputEnd = inputEnd;
    this.#timer = setTimeout(() => this.close(), claimTimeoutMs);
    this.#timer.unref();
  }

  /** Of a stream that is there already. */
  static of(monitor: Socket): Attachment {
    const attachment = new Attachment();
    attachment.connect(monitor);
    return attachment;
  }

  /** The client's end: frames, as protocol/stream.ts has them, in both directions. */
  claim(client: Duplex): void {
    clearTimeout(this.#timer);
    this.#onSettled();
    if (this.#closed) {
      client.end();
      return;
    }
    this.#client = client;
    client.on("error", () => undefined);
    client.on("close", () => this.close());
    if (client.destroyed) this.close();
    else this.#join();
  }

  connect(monitor: Socket): void {
    if (this.#closed || monitor.destroyed) {
      monitor.destroy();
      this.close();
      return;
    }
    this.#monitor = monitor;
    monitor.on("error", () => this.close());
    this.#join();
  }

  /** The client that it was promised to is gone: closes it, unless that has come before. */
  abandon(): void {
    if (!this.#client) this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#onSettled();
    if (this.#client) endSoon(this.#client);
    if (this.#monitor) this.#endInput(this.#monitor);
    this.#monitor?.destroySoon();
    this.#onClose();
  }

  #join(): void {
    const client = this.#client;
    const monitor = this.#monitor;
    if (!client || !monitor) return;
    const input = this.#inputEnd === "endless" ? client.pipe(new EndlessInput()) : client;
    input.pipe(monitor, { end: false });
    // Also the end of a client that was killed.
    input.once("end", () => {
      this.#endInput(monitor);
      monitor.end();
    });
    monitor.pipe(client);
  }

  #endInput(monitor: Socket): void {
    if (this.#inputEnd === "ends-with-client" && monitor.writable) {
      monitor.write(frameHeader(FrameType.stdin, 0));
    }
  }
}

/** Sends what was written, and lets the stream go. */
function endSoon(stream: Duplex): void {
  if (stream.writableFinished) stream.destroy();
  else stream.end(() => stream.destroy());
}
