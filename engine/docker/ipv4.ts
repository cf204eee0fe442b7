/** IPv4 addresses and subnets as numbers, and the words of both. */
import { isIPv4 } from "node:net";

/** A subnet: its first address, and how many bits all of its addresses have in common. */
export interface Subnet {
  base: number;
  bits: number;
}

/** The number of `172.17.0.2`; undefined for what is no IPv4 address. */
export function parseIpv4(text: string): number | undefined {
  if (!isIPv4(text)) return undefined;
  return text.split(".").reduce((value, part) => value * 256 + Number(part), 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/** `172.17.0.0/16`; bits beyond the prefix are dropped. Undefined for what is no IPv4 subnet. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = "", bits = "", more] = text.split("/");
  const base = parseIpv4(address);
  if (base === undefined || more !== undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 32)
    return undefined;
  const size = 2 ** (32 - Number(bits));
  return { base: Math.floor(base / size) * size, bits: Number(bits) };
}

export function formatSubnet({ base, bits }: Subnet): string {
  return `${formatIpv4(base)}/${bits}`;
}

/** How many addresses a subnet has, those of no use included. */
export function sizeOf({ bits }: Subnet): number {
  return 2 ** (32 - bits);
}

export function contains(subnet: Subnet, address: number): boolean {
  return address >= subnet.base && address < subnet.base + sizeOf(subnet);
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return contains(a, b.base) || contains(b, a.base);
}

/** The MAC address that Docker derives from an IPv4 address: `02:42:ac:11:00:02`. */
export function macOf(address: number): string {
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  return ["02", "42", ...[24, 16, 8, 0].map((shift) => hex(Math.floor(address / 2 ** shift) % 256))].join(
    ":",
  );
}

/** A unicast MAC address in small letters; undefined for what is none. */
export function parseMac(text: string): string | undefined {
  const mac = text.toLowerCase().replaceAll("-", ":");
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) return undefined;
  return Number.parseInt(mac.slice(0, 2), 16) % 2 === 1 || mac === "00:00:00:00:00:00" ? undefined : mac;
}
