/**
 * Messages of the Debug Adapter Protocol, and how they go over a stream of bytes (its specification, "Base
 * Protocol").
 */

export interface DapRequest {
  seq: number;
  type: "request";
  command: string;
  arguments?: unknown;
}

export interface DapResponse {
  seq: number;
  type: "response";
  request_seq: number;
  success: boolean;
  command: string;
  /** Short, of a request that failed. */
  message?: string;
  body?: unknown;
}

export interface DapEvent {
  seq: number;
  type: "event";
  event: string;
  body?: unknown;
}

export type DapMessage = DapRequest | DapResponse | DapEvent;

/** Bytes of one message. */
export function encodeDap(message: DapMessage): Buffer {
  const body = Buffer.from(JSON.stringify(message), "utf8");
  return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`, "ascii"), body]);
}

/** Larger messages are an error: the guest may be hostile. */
const maxMessageBytes = 64 * 1024 * 1024;
const maxHeaderBytes = 4096;

/** Cuts what an adapter writes into messages. */
export class DapDecoder {
  readonly #onMessage: (message: DapMessage) => void;
  readonly #onText: (text: string) => void;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #wanted = 0;

  /**
   * `onText` gets what is not the protocol's: a runtime that complains before the adapter begins, say.
   */
  constructor(onMessage: (message: DapMessage) => void, onText: (text: string) => void) {
    this.#onMessage = onMessage;
    this.#onText = onText;
  }

  /** Throws RangeError or SyntaxError on what no adapter sends. */
  push(bytes: Uint8Array): void {
    this.#chunks.push(Buffer.from(bytes));
    this.#bytes += bytes.length;
    while (this.#bytes > 0 && this.#bytes >= this.#wanted) {
      const data = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
      const rest = this.#next(data);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#bytes = rest.length;
      if (rest.length === data.length) return;
    }
  }

  /** Takes one message off the data, and returns the rest; all of it while the message is not whole. */
  #next(data: Buffer): Buffer {
    const start = data.indexOf("Content-Length:");
    if (start > 0) {
      this.#onText(data.toString("utf8", 0, start));
      return data.subarray(start);
    }
    if (start < 0) return this.#stray(data);
    const end = data.indexOf("\r\n\r\n");
    if (end < 0) {
      if (data.length > maxHeaderBytes) throw new RangeError("the debug adapter sent an endless header");
      this.#wanted = data.length + 1;
      return data;
    }
    const length = Number(/Content-Length: *(\d+)/.exec(data.toString("latin1", 0, end))?.[1]);
    if (!(length <= maxMessageBytes)) throw new RangeError("the debug adapter sent an invalid length");
    const whole = end + 4 + length;
    if (data.length < whole) {
      this.#wanted = whole;
      return data;
    }
    this.#wanted = 0;
    const message: unknown = JSON.parse(data.toString("utf8", end + 4, whole));
    if (!isDapMessage(message)) throw new SyntaxError("the debug adapter sent what is no message");
    this.#onMessage(message);
    return data.subarray(whole);
  }

  /** Text without a header; its last bytes may be the beginning of one. */
  #stray(data: Buffer): Buffer {
    const header = "Content-Length:";
    let kept = Math.min(header.length - 1, data.length);
    while (kept > 0 && !header.startsWith(data.toString("latin1", data.length - kept))) kept--;
    if (data.length > kept) this.#onText(data.toString("utf8", 0, data.length - kept));
    this.#wanted = kept + 1;
    return data.subarray(data.length - kept);
  }
}

/** Whether a value has what every message has. */
export function isDapMessage(value: unknown): value is DapMessage {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  if (value.type === "request") return "command" in value && typeof value.command === "string";
  if (value.type === "response") return "request_seq" in value && typeof value.request_seq === "number";
  return value.type === "event" && "event" in value && typeof value.event === "string";
}
