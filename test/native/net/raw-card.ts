import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { stretched } from "../../support/paths.ts";
import type { EndpointRequest } from "./netd.ts";

/** A card of which a test sends and sees every frame. */
export class RawCard {
  readonly socket: Socket;
  readonly frames: Buffer[] = [];
  /** The first line that came. */
  readonly answer: Promise<string>;
  readonly closed: Promise<void>;
  #read = Buffer.alloc(0);
  #shaken = false;

  /** @param line instead of the handshake */
  constructor(path: string, endpointId: string, line = `{"version":1,"endpoint":"${endpointId}"}\n`) {
    this.socket = connect(path);
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
    this.answer = new Promise((resolve) => {
      this.socket.on("data", (data: Buffer) => {
        this.#read = Buffer.concat([this.#read, data]);
        const end = this.#read.indexOf("\n");
        if (!this.#shaken && end >= 0) {
          this.#shaken = true;
          resolve(this.#read.subarray(0, end).toString());
          this.#read = this.#read.subarray(end + 1);
        }
        if (this.#shaken) this.#split();
      });
      this.socket.once("close", () => resolve(""));
    });
    this.socket.write(line);
  }

  #split(): void {
    while (this.#read.length >= 4 && this.#read.length >= 4 + this.#read.readUInt32BE()) {
      const end = 4 + this.#read.readUInt32BE();
      this.frames.push(this.#read.subarray(4, end));
      this.#read = this.#read.subarray(end);
    }
  }

  send(frame: Uint8Array): void {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(frame.length);
    this.socket.write(Buffer.concat([length, frame]));
  }

  /** Waits for a frame, which may have come already. */
  async find(wanted: (frame: Buffer) => boolean): Promise<Buffer> {
    for (let left = stretched(10_000); left > 0; left -= 5) {
      const found = this.frames.find(wanted);
      if (found !== undefined) return found;
      await sleep(5);
    }
    throw new Error(`no such frame among ${this.frames.length}`);
  }

  close(): void {
    this.socket.destroy();
  }
}

export const broadcast = "ff:ff:ff:ff:ff:ff";

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

export function ethernet(to: string, from: string, type: number, payload: Uint8Array): Buffer {
  const typeBytes = Buffer.alloc(2);
  typeBytes.writeUInt16BE(type);
  return Buffer.concat([macBytes(to), macBytes(from), typeBytes, payload]);
}

function addressBytes(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

export function arpRequest(senderMac: string, sender: string, target: string): Buffer {
  return Buffer.concat([
    Buffer.from("0001080006040001", "hex"),
    macBytes(senderMac),
    addressBytes(sender),
    Buffer.alloc(6),
    addressBytes(target),
  ]);
}

/** The Internet's checksum (RFC 1071). */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export const protocols = { icmp: 1, tcp: 6, udp: 17 };

export function ipv4(from: string, to: string, protocol: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payload.length, 2);
  header[8] = 64;
  header[9] = protocol;
  addressBytes(from).copy(header, 12);
  addressBytes(to).copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}

export function udp(fromPort: number, toPort: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(fromPort, 0);
  header.writeUInt16BE(toPort, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Flags of a segment (RFC 9293, section 3.1). */
export const flags = { fin: 1, syn: 2, rst: 4, ack: 16 };

/** A segment without data; mocker-netd does not check checksums. */
export function segment(
  fromPort: number,
  toPort: number,
  has: number,
  sequence: number,
  acknowledged = 0,
): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(fromPort, 0);
  header.writeUInt16BE(toPort, 2);
  header.writeUInt32BE(sequence >>> 0, 4);
  header.writeUInt32BE(acknowledged >>> 0, 8);
  header[12] = 0x50;
  header[13] = has;
  header.writeUInt16BE(65_535, 14);
  return header;
}

/** A first segment. */
export function syn(fromPort: number, toPort: number): Buffer {
  return segment(fromPort, toPort, flags.syn, 1000);
}

export function echoRequest(identifier: number, sequence: number, data: string): Buffer {
  const message = Buffer.concat([Buffer.from([8, 0, 0, 0]), Buffer.alloc(4), Buffer.from(data)]);
  message.writeUInt16BE(identifier, 4);
  message.writeUInt16BE(sequence, 6);
  message.writeUInt16BE(checksum(message), 2);
  return message;
}

/** The parts of an IPv4 frame. */
export function parsed(frame: Buffer): { from: string; to: string; protocol: number; payload: Buffer } {
  const packet = frame.subarray(14);
  const dotted = (at: number) => [...packet.subarray(at, at + 4)].join(".");
  const payload = packet.subarray(((packet[0] ?? 0) & 15) * 4, packet.readUInt16BE(2));
  return { from: dotted(12), to: dotted(16), protocol: packet[9] ?? 0, payload };
}

export function isIpv4(frame: Buffer): boolean {
  return frame.readUInt16BE(12) === 0x0800;
}

/** The gateway's MAC address, as it answers to an endpoint that asks for it. */
export async function gatewayMac(card: RawCard, endpoint: EndpointRequest): Promise<string> {
  const question = arpRequest(endpoint.mac, endpoint.address, "172.18.0.1");
  card.send(ethernet(broadcast, endpoint.mac, 0x0806, question));
  const isAnswer = (frame: Buffer) =>
    frame.readUInt16BE(12) === 0x0806 &&
    frame[21] === 2 &&
    [...frame.subarray(28, 32)].join(".") === "172.18.0.1";
  const answer = await card.find(isAnswer);
  return answer
    .subarray(22, 28)
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1:");
}
