import { get } from "node:http";
import type { Duplex } from "node:stream";
import { retry } from "./retry.ts";

interface Answer {
  id?: number;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { message: string };
}

/** Node's inspector as a debugger speaks to it: the Chrome DevTools Protocol over a WebSocket (RFC 6455). */
export class InspectorClient {
  readonly #socket: Duplex;
  readonly #received: Answer[] = [];
  #data = Buffer.alloc(0);
  #id = 0;
  /** How many events of each name were taken. */
  readonly #taken = new Map<string, number>();

  private constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => this.#push(data));
    this.#push(head);
  }

  /** Connects to the program behind a port of 127.0.0.1. */
  static async open(port: number): Promise<InspectorClient> {
    const [target] = JSON.parse(await text(port, "/json/list")) as { id: string }[];
    return await new Promise((resolve, reject) => {
      const headers = {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": Buffer.alloc(16).toString("base64"),
      };
      get({ host: "127.0.0.1", port, path: `/${target?.id}`, headers })
        .on("upgrade", (_response, socket, head) => resolve(new InspectorClient(socket, head)))
        .on("error", reject);
    });
  }

  /** The result of a command, which must succeed. */
  async ask<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#id;
    this.#send(JSON.stringify({ id, method, params }));
    const answer = await retry(() => this.#received.find((candidate) => candidate.id === id), {
      what: `an answer to ${method}`,
    });
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result as T;
  }

  /** The parameters of the next event of a name. */
  async event<T>(method: string): Promise<T> {
    const nth = this.#taken.get(method) ?? 0;
    this.#taken.set(method, nth + 1);
    const found = await retry(() => this.#received.filter((answer) => answer.method === method)[nth], {
      what: `${method}; there is ${JSON.stringify(this.#received.slice(-5))}`,
    });
    return found.params as T;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** One text frame; the key of its mask, which clients must use, is zero. */
  #send(message: string): void {
    const payload = Buffer.from(message);
    const header = Buffer.alloc(8);
    header.writeUInt16BE(0x81fe);
    header.writeUInt16BE(payload.length, 2);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  #push(bytes: Buffer): void {
    this.#data = Buffer.concat([this.#data, bytes]);
    while (this.#data.length >= 2) {
      const short = this.#data.readUInt8(1) & 0x7f;
      const extra = short === 127 ? 8 : short === 126 ? 2 : 0;
      const start = 2 + extra;
      if (this.#data.length < start) return;
      const length =
        extra === 0 ? short : this.#data.readUIntBE(start - Math.min(extra, 4), Math.min(extra, 4));
      if (this.#data.length < start + length) return;
      if ((this.#data.readUInt8(0) & 0x0f) === 1) {
        this.#received.push(JSON.parse(this.#data.toString("utf8", start, start + length)) as Answer);
      }
      this.#data = this.#data.subarray(start + length);
    }
  }
}

function text(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (data: Buffer) => parts.push(data));
      response.on("end", () => resolve(Buffer.concat(parts).toString()));
    }).on("error", reject);
  });
}
