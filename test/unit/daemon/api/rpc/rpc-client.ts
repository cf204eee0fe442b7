import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Message, type ResponseMessage, SocketMessageReader } from "vscode-jsonrpc/node";
import { protocolVersion } from "../../../../../engine/protocol/engine.ts";
import { afterFile } from "../../../../support/after-file.ts";

const opened: Socket[] = [];
afterFile(() => {
  for (const socket of opened) socket.destroy();
});

/** A client that may send anything; it understands answers. */
export class RpcClient {
  readonly socket: Socket;
  readonly notifications: Message[] = [];
  readonly #answers = new Map<
    number,
    { resolve: (answer: ResponseMessage) => void; reject: (error: Error) => void }
  >();
  #lastId = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.once("close", () => {
      for (const { reject } of this.#answers.values()) reject(new Error("the connection was closed"));
    });
    new SocketMessageReader(socket).listen((message) => {
      if ("id" in message && typeof message.id === "number")
        this.#answers.get(message.id)?.resolve(message as ResponseMessage);
      else this.notifications.push(message);
    });
  }

  static async connect(path: string): Promise<RpcClient> {
    const socket = connect(path);
    await once(socket, "connect");
    opened.push(socket);
    return new RpcClient(socket);
  }

  /** After the handshake. */
  static async initialized(path: string): Promise<RpcClient> {
    const client = await RpcClient.connect(path);
    await client.initialize();
    return client;
  }

  initialize(): Promise<ResponseMessage> {
    return this.request("initialize", { protocolVersion, client: { name: "test", version: "0" } });
  }

  /** `params`: any JSON, or none. */
  request(method: string, params?: unknown): Promise<ResponseMessage> {
    return this.begin(method, params).answer;
  }

  begin(method: string, params?: unknown): { id: number; answer: Promise<ResponseMessage> } {
    const id = ++this.#lastId;
    const answer = new Promise<ResponseMessage>((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
    });
    answer.catch(() => undefined);
    this.send({ jsonrpc: "2.0", id, method, params });
    return { id, answer };
  }

  send(message: object): void {
    const body = Buffer.from(JSON.stringify(message));
    this.socket.write(`Content-Length: ${body.length}\r\n\r\n`);
    this.socket.write(body);
  }

  /** Resolves when the engine has closed the connection. */
  async closed(): Promise<void> {
    if (this.socket.closed) return;
    await new Promise<void>((resolve) => this.socket.once("close", () => resolve()));
  }
}
