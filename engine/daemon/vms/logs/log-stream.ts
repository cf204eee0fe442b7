import { once } from "node:events";
import type { Socket } from "node:net";
import { FrameType, frameHeader } from "../../../protocol/stream.ts";
import type { Log } from "../../log.ts";
import { type LogEntry, timeText } from "./log-entry.ts";
import { type LogReadOptions, readLog } from "./log-reader.ts";

type LogStreamOptions = Omit<LogReadOptions, "signal"> & { timestamps: boolean };

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
    sendLog(this.#path, socket, this.#options).catch((error) => {
      this.#log.error("logs", error, { path: this.#path });
      socket.destroy();
    });
  }
}

async function sendLog(path: string, socket: Socket, options: LogStreamOptions): Promise<void> {
  const gone = new AbortController();
  socket.on("error", () => undefined);
  socket.once("close", () => gone.abort());
  socket.once("end", () => gone.abort());
  socket.resume();
  let lineStart = true;
  for await (const entries of readLog(path, { ...options, signal: gone.signal })) {
    const parts: Uint8Array[] = [];
    for (const entry of entries) {
      const text = options.timestamps && lineStart ? withTime(entry) : entry.data;
      lineStart = !entry.partial;
      parts.push(
        frameHeader(entry.stream === "stdout" ? FrameType.stdout : FrameType.stderr, text.length),
        text,
      );
    }
    if (!socket.write(Buffer.concat(parts)) && !gone.signal.aborted) {
      await Promise.race([once(socket, "drain"), once(gone.signal, "abort")]);
    }
    if (gone.signal.aborted) return;
  }
  socket.end();
}

function withTime(entry: LogEntry): Buffer {
  return Buffer.concat([Buffer.from(`${timeText(entry.time)} `, "latin1"), entry.data]);
}
