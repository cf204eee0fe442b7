import type { Message } from "vscode-jsonrpc/node";
import { isRecord } from "../../../protocol/params/schema.ts";

/** What a client may send at most. */
export interface MessageLimits {
  /** Of one message's header. */
  headerBytes: number;
  /** Of one message's JSON. */
  bodyBytes: number;
  /** How deep arrays and objects of one message may be nested. */
  depth: number;
  /** From a message's first byte to its last. */
  messageMs: number;
}

/**
 * The largest requests hold a process's arguments and environment: execve(2) takes 2 MiB of them with the
 * usual stack of 8 MiB, and JSON makes at most six bytes of one. No request is nested deeper than five
 * levels.
 */
export const defaultLimits: MessageLimits = {
  headerBytes: 8 * 1024,
  bodyBytes: 16 * 1024 * 1024,
  depth: 32,
  messageMs: 30_000,
};

/** What a client has sent is no message, or one beyond the limits. */
export class FramingError extends Error {}

/**
 * Cuts a byte stream into JSON-RPC messages, framed as in LSP's base protocol: a header with
 * `Content-Length`, an empty line, JSON in UTF-8. Its memory is bounded by the limits, however the bytes are
 * cut into chunks.
 */
export class MessageDecoder {
  readonly #limits: MessageLimits;
  #header: Buffer = Buffer.alloc(0);
  #body: Buffer | undefined;
  #bodyFilled = 0;

  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  /** Whether a message has begun and not ended. */
  get isPartial(): boolean {
    return this.#body !== undefined || this.#header.length > 0;
  }

  /** The messages that end in `chunk`. @throws FramingError, after which no more may be pushed */
  *push(chunk: Buffer): Generator<Message> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#body === undefined) {
        rest = this.#readHeader(rest);
        continue;
      }
      const copied = rest.copy(this.#body, this.#bodyFilled);
      rest = rest.subarray(copied);
      this.#bodyFilled += copied;
      if (this.#bodyFilled < this.#body.length) return;
      const body = this.#body;
      this.#body = undefined;
      yield parse(body, this.#limits.depth);
    }
  }

  /** Returns what follows the header; nothing if it has not ended. */
  #readHeader(chunk: Buffer): Buffer {
    const before = this.#header.length;
    const header = Buffer.concat([this.#header, chunk.subarray(0, this.#limits.headerBytes - before)]);
    const end = header.indexOf("\r\n\r\n");
    if (end < 0) {
      if (header.length >= this.#limits.headerBytes) {
        throw new FramingError(`a message's header is longer than ${this.#limits.headerBytes} bytes`);
      }
      this.#header = header;
      return chunk.subarray(chunk.length);
    }
    const length = contentLength(header.toString("latin1", 0, end));
    if (length > this.#limits.bodyBytes) {
      throw new FramingError(`a message of ${length} bytes is longer than ${this.#limits.bodyBytes} bytes`);
    }
    this.#header = Buffer.alloc(0);
    // The kernel gives memory for what is filled, not for what a header promises.
    this.#body = Buffer.allocUnsafe(length);
    this.#bodyFilled = 0;
    return chunk.subarray(end + 4 - before);
  }
}

function contentLength(header: string): number {
  const digits = /^content-length: *(\d{1,15})$/im.exec(header.replaceAll("\r\n", "\n"))?.[1];
  if (digits === undefined || Number(digits) === 0)
    throw new FramingError("a message's header has no Content-Length");
  return Number(digits);
}

function parse(body: Buffer, maxDepth: number): Message {
  if (isDeeperThan(maxDepth, body)) {
    throw new FramingError(`a message is nested deeper than ${maxDepth} levels`);
  }
  let message: Message;
  try {
    message = JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new FramingError("a message is not JSON", { cause: error });
  }
  if (!isRecord(message)) throw new FramingError("a message is not an object");
  return message;
}

const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** JSON of many brackets takes fifty times its size in memory once it is parsed. */
function isDeeperThan(limit: number, json: Buffer): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] ?? 0;
    if (inString) {
      if (byte === backslash) at++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === openBracket || byte === openBrace) {
      if (++depth > limit) return true;
    } else if (byte === closeBracket || byte === closeBrace) depth--;
  }
  return false;
}
