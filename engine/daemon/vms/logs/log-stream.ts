import { once } from "node:events";
import type { Socket } from "node:net";
import { FrameType, frameHeader } from "../../../protocol/stream.ts";
import type { Log } from "../../log.ts";
import { type LogEntry, timeText } from "./log-entry.ts";
import { type LogReadOptions, readLog } from "./log-reader.ts";

type LogStreamOptions = Omit<LogReadOptions, "signal"> & { timestamps: boolean };

/** Far from what a frame may be, with any one entry added. */
const fullFrameBytes = 256 * 1024;

/** One reading of a VM's log. */
export class LogStream {
  readonly #path: string;
  readonly #log: Log;
  readonly #options: LogStreamOptions;

  /** `log` is the engine's own: it gets what goes wrong. */
  constructor(path: string, log: Log, options: LogStreamOptions) {
    this.#path = path;
    this.#log = log;
    this.#options = options;
  }

  /**
   * Sends stdout and stderr frames down a client's stream and closes it. The client may leave at any time.
   */
  send(socket: Socket): void {
    this.#send(socket).catch((error) => {
      this.#log.error("logs", error, { path: this.#path });
      socket.destroy();
    });
  }

  /** The same frames, many at a time. */
  async *frames(signal: AbortSignal): AsyncGenerator<Buffer> {
    const { timestamps } = this.#options;
    let lineStart = true;
    for await (const entries of readLog(this.#path, { ...this.#options, signal })) {
      const frames = new Frames();
      for (const entry of entries) {
        frames.add(
          entry.stream === "stdout" ? FrameType.stdout : FrameType.stderr,
          timestamps && lineStart ? withTime(entry) : entry.data,
        );
        lineStart = !entry.partial;
      }
      yield frames.end();
      if (signal.aborted) return;
    }
  }

  async #send(socket: Socket): Promise<void> {
    const gone = new AbortController();
    socket.on("error", () => undefined);
    socket.once("close", () => gone.abort());
    socket.once("end", () => gone.abort());
    socket.resume();
    for await (const frames of this.frames(gone.signal)) {
      if (!socket.write(frames) && !gone.signal.aborted) {
        await Promise.race([once(socket, "drain"), once(gone.signal, "abort")]);
      }
    }
    if (!gone.signal.aborted) socket.end();
  }
}

/** Frames as few as there can be: one for each short line would cost either side more than the line. */
class Frames {
  readonly #parts: Uint8Array[] = [];
  #type: FrameType = FrameType.stdout;
  #header = 0;
  #bytes = 0;

  add(type: FrameType, data: Uint8Array): void {
    if (this.#bytes === 0 || type !== this.#type || this.#bytes + data.length > fullFrameBytes) {
      this.#close();
      this.#type = type;
      this.#header = this.#parts.push(data) - 1;
    }
    this.#parts.push(data);
    this.#bytes += data.length;
  }

  /** All that was added. */
  end(): Buffer {
    this.#close();
    return Buffer.concat(this.#parts);
  }

  #close(): void {
    if (this.#bytes > 0) this.#parts[this.#header] = frameHeader(this.#type, this.#bytes);
    this.#bytes = 0;
  }
}

function withTime(entry: LogEntry): Buffer {
  return Buffer.concat([Buffer.from(`${timeText(entry.time)} `, "latin1"), entry.data]);
}
