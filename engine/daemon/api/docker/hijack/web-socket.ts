import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { ApiRequest } from "../api-request.ts";
import { HttpError } from "../http-error.ts";

/** RFC 6455, section 1.3. */
const handshakeGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const maxControlBytes = 125;
const longestHeaderBytes = 14;
const normalClosure = 1000;
const protocolError = 1002;

/** The answer to a request to speak WebSocket (RFC 6455, section 4.2). @throws HttpError for any other */
export function webSocketHead(request: Pick<ApiRequest, "header">): string {
  const key = request.header("sec-websocket-key");
  const isOne =
    request.header("upgrade")?.toLowerCase() === "websocket" &&
    request.header("sec-websocket-version") === "13" &&
    key !== undefined;
  if (!isOne) throw new HttpError(400, "not websocket protocol");
  const accept = createHash("sha1").update(`${key}${handshakeGuid}`).digest("base64");
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    "\r\n",
  ].join("\r\n");
}

/**
 * The server's end of a WebSocket, as a stream of bytes: what is written goes out in binary messages; of what
 * comes, the boundaries of messages are of no account. A client that closes is gone.
 */
export class WebSocketStream extends Duplex {
  readonly #socket: Socket;
  /** Of a header that came in parts, or of a control frame. */
  #rest: Buffer = Buffer.alloc(0);
  /** Of a data frame that has begun. */
  #payloadBytesLeft = 0;
  #mask: Buffer = Buffer.alloc(4);
  #maskAt = 0;
  #isClosing = false;

  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.once("end", () => this.destroy());
    socket.on("error", () => this.destroy());
    socket.once("close", () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send(opcode.binary, chunk);
    if (this.#socket.writableNeedDrain) this.#socket.once("drain", done);
    else done();
  }

  override _final(done: () => void): void {
    this.#close(normalClosure);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#close(normalClosure);
    this.#socket.destroySoon();
    done(error);
  }

  #close(status: number): void {
    if (this.#isClosing || !this.#socket.writable) return;
    this.#isClosing = true;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(status);
    this.#send(opcode.close, payload);
  }

  #send(code: number, payload: Buffer): void {
    const length = payload.length;
    let header: Buffer;
    if (length <= maxControlBytes) {
      header = Buffer.from([0x80 | code, length]);
    } else if (length < 2 ** 16) {
      header = Buffer.from([0x80 | code, 126, length >> 8, length & 0xff]);
    } else {
      header = Buffer.alloc(10);
      header.writeUInt8(0x80 | code, 0);
      header.writeUInt8(127, 1);
      header.writeUInt32BE(length, 6);
    }
    this.#socket.write(header);
    this.#socket.write(payload);
  }

  #received(chunk: Buffer): void {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = Buffer.alloc(0);
    while (data.length > 0 && !this.destroyed) {
      if (this.#payloadBytesLeft > 0) {
        const payload = data.subarray(0, this.#payloadBytesLeft);
        this.#payloadBytesLeft -= payload.length;
        data = data.subarray(payload.length);
        if (!this.push(this.#unmasked(payload))) this.#socket.pause();
        continue;
      }
      const used = this.#begin(data);
      if (used === 0) break;
      data = data.subarray(used);
    }
    this.#rest = data;
    if (this.#rest.length > longestHeaderBytes + maxControlBytes) this.#refuse();
  }

  /** Takes a header, and with it a whole control frame. 0: more has to come. */
  #begin(data: Buffer): number {
    if (data.length < 2) return 0;
    const code = data.readUInt8(0) & 0x0f;
    const short = data.readUInt8(1) & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const isControl = code >= opcode.close;
    const isMasked = (data.readUInt8(1) & 0x80) !== 0;
    const isKnown = code <= opcode.binary || (isControl && code <= opcode.pong);
    if (!isMasked || !isKnown || (isControl && short > maxControlBytes)) return this.#refuse();
    const headerBytes = 2 + lengthBytes + 4;
    if (data.length < headerBytes) return 0;
    const length =
      lengthBytes === 8
        ? data.readUInt32BE(2) * 2 ** 32 + data.readUInt32BE(6)
        : lengthBytes === 2
          ? data.readUInt16BE(2)
          : short;
    if (isControl && data.length < headerBytes + length) return 0;
    this.#mask = Buffer.from(data.subarray(headerBytes - 4, headerBytes));
    this.#maskAt = 0;
    if (!isControl) {
      this.#payloadBytesLeft = length;
      return headerBytes;
    }
    const payload = this.#unmasked(data.subarray(headerBytes, headerBytes + length));
    if (code === opcode.ping) this.#send(opcode.pong, payload);
    else if (code === opcode.close) this.destroy();
    return headerBytes + length;
  }

  #refuse(): 0 {
    this.#close(protocolError);
    this.destroy();
    return 0;
  }

  #unmasked(masked: Buffer): Buffer {
    const payload = Buffer.from(masked);
    for (let at = 0; at < payload.length; at++) {
      payload[at] = (payload[at] ?? 0) ^ (this.#mask[this.#maskAt] ?? 0);
      this.#maskAt = (this.#maskAt + 1) & 3;
    }
    return payload;
  }
}
