/** What the guest agent itself does with a machine's files, as its file-task.h has it. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { MockerError } from "../../../protocol/errors.ts";
import { isRecord } from "../../../protocol/params/schema.ts";
import { FrameDecoder, FrameType, frameHeader } from "../../../protocol/stream.ts";

/** The words of one task. Paths are the workload's, absolute. */
export type FileTask =
  | readonly ["export"]
  | readonly ["copy", path: string, name: string, follow: "follow" | ""]
  | readonly ["stat", path: string]
  | readonly ["extract", directory: string, kinds: "keep-kinds" | ""]
  | readonly ["changes"]
  | readonly ["layer", freeze: "freeze" | ""];

/** Status of a task whose path leads nowhere. */
const noSuchPathStatus = 2;
/** What of a guest's complaint is kept. */
const maxComplaintLength = 2000;
/** Frames for a guest are small ones: it takes them as they come. */
const maxFrameBytes = 64 * 1024;

/** A task that has failed, with what the agent said of it. */
export class FileTaskError extends MockerError {
  /** The path that it was to read, or the directory that it was to write into, is not there. */
  readonly isMissing: boolean;

  constructor(status: number, complaint: string) {
    super("INVALID_ARGUMENT", complaint || `the guest agent failed with status ${status}`);
    this.isMissing = status === noSuchPathStatus;
  }
}

/** The stream of a task. The guest is not trusted: it may say anything, or nothing. */
export class FileTaskStream {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  readonly #abort = (): void => void this.#socket.destroy();

  /** `signal` ends the task, whatever it is at. */
  constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    socket.on("error", () => undefined);
    signal.addEventListener("abort", this.#abort, { once: true });
    if (signal.aborted) this.#abort();
  }

  /**
   * What the task writes, to its end.
   * @throws FileTaskError; AGENT_UNREACHABLE when the machine ends before the task; the signal's reason
   */
  async *output(): AsyncGenerator<Buffer> {
    let ready: Buffer[] = [];
    let complaint = "";
    let status: number | undefined;
    const decoder = new FrameDecoder((type, payload) => {
      if (type === FrameType.stdout) ready.push(Buffer.from(payload));
      else if (type === FrameType.stderr)
        complaint = (complaint + Buffer.from(payload).toString("utf8")).slice(-maxComplaintLength);
      else if (type === FrameType.json) status = exitStatus(payload) ?? status;
    });
    try {
      for await (const chunk of this.#socket) {
        decoder.push(chunk as Buffer);
        yield* ready;
        ready = [];
        if (status !== undefined) break;
      }
    } catch {
      // A broken stream, or one that is none: it has no end that was told.
    } finally {
      this.close();
    }
    this.#signal.throwIfAborted();
    if (status === undefined) throw new MockerError("AGENT_UNREACHABLE", "the VM ended before this was done");
    if (status !== 0) throw new FileTaskError(status, complaint.trim());
  }

  /**
   * Gives `chunks` to the task, and waits for its end. @throws as {@link output}, and what `chunks` throws
   */
  async feed(chunks: AsyncIterable<Buffer>): Promise<void> {
    const fed = this.#send(chunks);
    const done = this.#drain();
    done.catch(() => undefined);
    fed.catch(() => undefined);
    try {
      // Of both failures the sender's own is the first; a task that has ended wants no more.
      await Promise.race([done, fed.then(() => done)]);
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#abort);
    this.#socket.destroy();
  }

  async #drain(): Promise<void> {
    for await (const chunk of this.output()) void chunk;
  }

  async #send(chunks: AsyncIterable<Buffer>): Promise<void> {
    const socket = this.#socket;
    const gone = once(socket, "close").catch(() => undefined);
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += maxFrameBytes) {
        const payload = chunk.subarray(at, at + maxFrameBytes);
        if (socket.destroyed) return;
        socket.write(frameHeader(FrameType.stdin, payload.length));
        if (!socket.write(payload)) await Promise.race([once(socket, "drain").catch(() => undefined), gone]);
      }
    }
    if (!socket.destroyed) socket.write(frameHeader(FrameType.stdin, 0));
  }
}

function exitStatus(payload: Uint8Array): number | undefined {
  const message: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
  if (!isRecord(message) || !isRecord(message.exit)) return undefined;
  return typeof message.exit.code === "number" ? message.exit.code : 255;
}
