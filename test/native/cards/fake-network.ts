import { createServer, type Server, type Socket } from "node:net";

const gatewayMac = Buffer.from("5a94efe40c01", "hex");
const lengthBytes = 4;

export interface FakeNetworkOptions {
  /** Of whom ARP, ping and frames to the gateway are answered. */
  gateway?: string;
  /** Whose process it seems to be, where this process is root's. */
  uid?: number;
  /** What a card's first line is answered; absent: `{"ok":true}`. `null`: nothing. */
  answer?: string | null;
}

const macOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");

/** The process of a network as a card sees it: a switch, and a gateway that answers ARP and ping. */
export class FakeNetwork {
  readonly #server: Server;
  readonly #cards = new Map<string, Socket>();
  readonly #sockets = new Set<Socket>();
  readonly #options: FakeNetworkOptions;
  readonly #gateway: Buffer;
  /** The endpoints whose cards have come. */
  readonly endpoints: string[] = [];
  /** The source addresses of all frames, each once. */
  readonly sources = new Set<string>();

  private constructor(options: FakeNetworkOptions) {
    this.#options = options;
    this.#gateway = Buffer.from((options.gateway ?? "192.0.2.1").split(".").map(Number));
    this.#server = createServer((socket) => this.#take(socket));
  }

  static async listen(path: string, options: FakeNetworkOptions = {}): Promise<FakeNetwork> {
    const network = new FakeNetwork(options);
    // The kernel keeps for clients who called listen(2).
    if (options.uid !== undefined) process.seteuid?.(options.uid);
    const listening = new Promise<void>((done) => network.#server.listen(path, done));
    if (options.uid !== undefined) process.seteuid?.(0);
    await listening;
    return network;
  }

  /** How many cards are connected. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Ends like a process that is killed. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Sends what may be no frame to all cards. */
  sendRaw(bytes: Uint8Array): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    let bytes = Buffer.alloc(0);
    let greeted = false;
    socket.on("data", (chunk) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      if (!greeted) {
        const end = bytes.indexOf(10);
        if (end < 0) return;
        const hello = JSON.parse(bytes.toString("latin1", 0, end)) as { endpoint: string };
        this.endpoints.push(hello.endpoint);
        const { answer } = this.#options;
        if (answer !== null) socket.write(`${answer ?? '{"ok":true}'}\n`);
        bytes = bytes.subarray(end + 1);
        greeted = true;
      }
      while (bytes.length >= lengthBytes) {
        const end = lengthBytes + bytes.readUInt32BE(0);
        if (bytes.length < end) return;
        this.#forward(socket, bytes.subarray(lengthBytes, end));
        bytes = bytes.subarray(end);
      }
    });
  }

  #send(to: Socket, frame: Buffer): void {
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32BE(frame.length);
    to.write(length);
    to.write(frame);
  }

  #forward(from: Socket, frame: Buffer): void {
    const source = macOf(frame.subarray(6, 12));
    this.sources.add(source);
    this.#cards.set(source, from);
    const target = macOf(frame.subarray(0, 6));
    const reply = this.#reply(frame);
    if (reply) this.#send(from, reply);
    const owner = this.#cards.get(target);
    for (const socket of owner ? [owner] : this.#sockets) if (socket !== from) this.#send(socket, frame);
  }

  /** The gateway's reply to an ARP request or a ping for it. */
  #reply(frame: Buffer): Buffer | undefined {
    const reply = Buffer.from(frame);
    frame.copy(reply, 0, 6, 12);
    gatewayMac.copy(reply, 6);
    const type = frame.readUInt16BE(12);
    if (type === 0x0806 && frame.readUInt16BE(20) === 1 && frame.subarray(38, 42).equals(this.#gateway)) {
      reply.writeUInt16BE(2, 20);
      gatewayMac.copy(reply, 22);
      this.#gateway.copy(reply, 28);
      frame.copy(reply, 32, 22, 32);
      return reply;
    }
    const icmp = 14 + 4 * ((frame[14] ?? 0) & 15);
    if (
      type === 0x0800 &&
      frame[23] === 1 &&
      frame[icmp] === 8 &&
      frame.subarray(30, 34).equals(this.#gateway)
    ) {
      frame.copy(reply, 26, 30, 34);
      frame.copy(reply, 30, 26, 30);
      reply[icmp] = 0;
      // RFC 1624: the sum's complement grows by what the word has lost, with the carry brought round.
      const sum = frame.readUInt16BE(icmp + 2) + 0x0800;
      reply.writeUInt16BE((sum & 0xffff) + (sum >> 16), icmp + 2);
      return reply;
    }
    return undefined;
  }
}
