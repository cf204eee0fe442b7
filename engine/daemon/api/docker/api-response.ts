import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { toJson } from "../../../docker/go-json.ts";
import { HttpError } from "./http-error.ts";

/** Who has a connection that is no HTTP any more. */
export interface ConnectionOwner {
  /** Tells the client what went wrong, if that can be, and ends. */
  fail(message: string): void;
}

/** Of lines that may be left out while a client does not read. */
const maxBacklogBytes = 64 * 1024;

/** The answer to one request: whole, or in lines as they come. */
export class ApiResponse {
  readonly raw: ServerResponse;
  #owner: ConnectionOwner | undefined;
  #tellsErrors = false;

  constructor(raw: ServerResponse) {
    this.raw = raw;
  }

  /** Maps are Go's. */
  json(value: unknown, status = 200): void {
    this.text(`${toJson(value)}\n`, status, "application/json");
  }

  text(text: string, status = 200, type = "text/plain; charset=utf-8"): void {
    const body = Buffer.from(text);
    this.raw.writeHead(status, { "Content-Type": type, "Content-Length": body.length });
    this.raw.end(body);
  }

  /** Without a body: 204, or 304 where nothing had to be done. */
  empty(status = 204): void {
    this.raw.writeHead(status, status === 204 || status === 304 ? {} : { "Content-Length": 0 });
    this.raw.end();
  }

  /**
   * `{"message"}`. Behind lines of progress the error is the last of them; behind any other answer that has
   * begun the connection breaks: nothing else says that it failed.
   */
  fail({ message, status }: HttpError): void {
    if (this.#owner) this.#owner.fail(message);
    else if (this.#tellsErrors) this.raw.end(`${toJson({ errorDetail: { message }, error: message })}\r\n`);
    else if (this.raw.headersSent) this.raw.destroy();
    else this.json({ message }, status);
  }

  /** Begins an answer of unknown length; its headers go out at once. */
  begin(type: string, status = 200): void {
    this.raw.writeHead(status, { "Content-Type": type });
    this.raw.flushHeaders();
  }

  /** Begins an answer of lines that tell of progress, unless it has begun. */
  beginProgress(): void {
    if (this.#tellsErrors) return;
    this.begin("application/json");
    this.#tellsErrors = true;
  }

  /** One line of progress. `mayMiss`: a client that does not read misses it. */
  progress(line: object, { mayMiss = false } = {}): void {
    this.beginProgress();
    if (mayMiss && this.backlogBytes > maxBacklogBytes) return;
    this.raw.write(`${toJson(line)}\r\n`);
  }

  /** What the client has yet to take. */
  get backlogBytes(): number {
    return this.raw.writableLength;
  }

  /** Ends an answer that was begun. */
  end(): void {
    this.raw.end();
  }

  /** One line of JSON of an answer that was begun. */
  line(value: unknown): void {
    this.raw.write(`${typeof value === "string" ? value : toJson(value)}\n`);
  }

  /**
   * Sends bytes as fast as the client takes them, and ends. An error before the first byte is the caller's;
   * one behind it breaks the connection.
   */
  async bytes(type: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      if (!this.raw.headersSent) this.begin(type);
      if (this.raw.destroyed) return;
      if (!this.raw.write(chunk)) await Promise.race([once(this.raw, "drain"), once(this.raw, "close")]);
    }
    if (!this.raw.headersSent) this.begin(type);
    this.raw.end();
  }

  /**
   * Gives the connection away, behind `head`: what comes on it from now on is no HTTP. The request's body was
   * read before.
   */
  hijack<Owner extends ConnectionOwner>(head: string, own: (socket: Socket) => Owner): Owner {
    const { socket } = this.raw;
    if (!socket) throw new HttpError(499, "context canceled");
    this.raw.detachSocket(socket);
    // Where no upgrade was asked for, node:http would read on, and would end the answer with the request's
    // side of the connection.
    socket.removeAllListeners("data");
    socket.removeAllListeners("end");
    socket.write(head);
    const owner = own(socket);
    this.#owner = owner;
    return owner;
  }
}
