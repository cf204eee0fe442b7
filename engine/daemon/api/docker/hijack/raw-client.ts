import { Duplex } from "node:stream";
import { DetachFilter } from "../../../../docker/detach-keys.ts";
import { FrameType, frameHeader } from "../../../../protocol/stream.ts";
import { OutputFrames, type OutputOptions } from "./output-frames.ts";

/** How long a client to which everything was sent may take to close its end. */
const lingerMs = 10_000;
/** How often a client that says no more is asked whether it is still there. */
const defaultProbeMs = 5_000;
const nothing = Buffer.alloc(0);

export interface RawClientOptions extends OutputOptions {
  /** Whether what the client sends is input. */
  stdin: boolean;
  /** What in the input leaves the process alone; absent: nothing. */
  detachKeys?: readonly number[];
  onDetach?: () => void;
  /** Resolves when it is known how the process ended: clients ask for that as soon as their stream ends. */
  ended?: Promise<unknown>;
  probeMs?: number;
}

/**
 * A client of Docker's on a connection that it has taken over (Docker Engine API, "Attach to a container"):
 * raw bytes to and from it, frames on this side. The end of its input is an empty stdin frame, and no end of
 * its output. It reads no faster than its frames are taken, and takes no more than its client reads.
 */
export class RawClient extends Duplex {
  readonly #socket: Duplex;
  readonly #options: RawClientOptions;
  readonly #output: OutputFrames;
  readonly #detach: DetachFilter;
  #probe: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, options: RawClientOptions) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#options = options;
    this.#output = new OutputFrames(options);
    this.#detach = new DetachFilter(options.detachKeys ?? []);
    this.on("finish", () => this.destroy());
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.once("end", () => this.#inputEnded());
    socket.on("error", () => this.destroy());
    socket.once("close", () => this.destroy());
    // Also before there is a process: otherwise a client that goes would not be noticed.
    socket.resume();
    if (socket.destroyed) this.destroy();
  }

  /** Says in the output why there will be none, as dockerd does, and ends. */
  fail(message: string): void {
    if (this.writableEnded || this.destroyed) return;
    const text = Buffer.from(`${message}\r\n`);
    this.write(frameHeader(FrameType.stdout, text.length));
    this.end(text);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    let parts: Buffer[];
    try {
      parts = this.#output.push(chunk);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const socket = this.#socket;
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
    if (socket.writableNeedDrain) socket.once("drain", () => done());
    else done();
  }

  override _final(done: (error?: Error) => void): void {
    const late = new Promise((resolve) => setTimeout(resolve, lingerMs).unref());
    Promise.race([this.#options.ended, late]).then(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#probe);
    const socket = this.#socket;
    if (error || socket.destroyed) {
      socket.destroy();
    } else {
      // A client that still writes when its connection is closed would get an error, and might read no more
      // of what was sent.
      socket.end();
      socket.resume();
      const timer = setTimeout(() => socket.destroy(), lingerMs);
      timer.unref();
      socket.once("close", () => clearTimeout(timer));
    }
    done(error);
  }

  #received(chunk: Buffer): void {
    if (!this.#options.stdin || this.destroyed || this.readableEnded) return;
    const { bytes, detached } = this.#detach.push(chunk);
    if (bytes.length > 0 && !this.#pushFrame(bytes)) this.#socket.pause();
    if (!detached) return;
    this.#options.onDetach?.();
    this.destroy();
  }

  #pushFrame(bytes: Uint8Array): boolean {
    this.push(frameHeader(FrameType.stdin, bytes.length));
    return this.push(bytes);
  }

  #inputEnded(): void {
    if (this.destroyed) return;
    if (this.#options.stdin) {
      const rest = this.#detach.flush();
      if (rest.length > 0) this.#pushFrame(rest);
      this.push(frameHeader(FrameType.stdin, 0));
    }
    this.push(null);
    // One that has gone altogether looks the same; but the kernel refuses to send it even nothing.
    const probe = (): void => {
      if (this.#socket.writableLength === 0) this.#socket.write(nothing);
    };
    probe();
    this.#probe = setInterval(probe, this.#options.probeMs ?? defaultProbeMs);
    this.#probe.unref();
  }
}
