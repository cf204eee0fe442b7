import type { IncomingMessage } from "node:http";
import * as v from "valibot";
import { isRecord } from "../../../protocol/params/schema.ts";
import { HttpError } from "./http-error.ts";
import type { Query } from "./query.ts";

/** Of a body that is an object; dockerd's own is as large. */
const maxJsonBytes = 4 * 1024 * 1024;

/** One request of a client. */
export class ApiRequest {
  readonly message: IncomingMessage;
  readonly query: Query;
  /** The x of API version 1.x. */
  readonly minor: number;
  /** Aborts when the client has gone before the answer's end. */
  readonly signal: AbortSignal;
  readonly #params: Readonly<Record<string, string>>;
  readonly #body: AsyncIterable<Buffer>;

  constructor(options: {
    message: IncomingMessage;
    body: AsyncIterable<Buffer>;
    query: Query;
    minor: number;
    signal: AbortSignal;
    params: Readonly<Record<string, string>>;
  }) {
    this.message = options.message;
    this.query = options.query;
    this.minor = options.minor;
    this.signal = options.signal;
    this.#params = options.params;
    this.#body = options.body;
  }

  /** What the path has for a name of the route's pattern. */
  param(name: string): string {
    return this.#params[name] ?? "";
  }

  header(name: string): string | undefined {
    const value = this.message.headers[name.toLowerCase()];
    return Array.isArray(value) ? value[0] : value;
  }

  /** The body as bytes, as they come. */
  body(): AsyncIterable<Buffer> {
    return this.#body;
  }

  /** Reads a body that says nothing here, for what follows it on the connection. */
  async skipBody(): Promise<void> {
    if (this.header("content-length") !== undefined) await this.#text();
  }

  /**
   * The body, an object of JSON, as the schema has it. An empty one is an empty object: dockerd's clients
   * send none where everything is as usual.
   * @throws HttpError in dockerd's words
   */
  async json<T>(schema: v.GenericSchema<unknown, T>): Promise<T> {
    const text = await this.#text();
    let parsed: unknown = {};
    if (text.trim() !== "") {
      try {
        parsed = JSON.parse(text);
      } catch (error) {
        throw new HttpError(400, `invalid JSON: ${error instanceof Error ? error.message : error}`);
      }
    }
    // As Go reads it.
    if (parsed === null) parsed = {};
    if (!isRecord(parsed)) throw new HttpError(400, "invalid JSON: expected an object");
    const result = v.safeParse(schema, parsed, { abortEarly: true });
    if (result.success) return result.output;
    const [issue] = result.issues;
    const path = v.getDotPath(issue) ?? "";
    throw new HttpError(
      400,
      `invalid JSON: ${path}: expected ${issue.expected ?? "something else"}, got ${kindOf(issue.input)}`,
    );
  }

  async #text(): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.#body) {
      bytes += chunk.length;
      if (bytes > maxJsonBytes) throw new HttpError(400, "http: request body too large");
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }
}

/** Not the value: it may be secret. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
