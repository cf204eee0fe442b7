import { readFile } from "node:fs/promises";
import type { Subnet } from "../../docker/ipv4.ts";

/** The subnets that the host has routes to, its own among them, without the default route. */
export async function hostRoutes(path = "/proc/net/route"): Promise<Subnet[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return parseRoutes(text);
}

/**
 * Reads /proc/net/route: addresses are hexadecimal, in the byte order of the machine, which is little-endian.
 */
export function parseRoutes(text: string): Subnet[] {
  return text.split("\n").flatMap((line) => {
    const [, destination = "", , , , , , mask = ""] = line.split("\t");
    const address = number(destination);
    const bits = number(mask);
    if (address === undefined || bits === undefined || bits === 0) return [];
    return [{ base: address, bits: bits.toString(2).replaceAll("0", "").length }];
  });
}

function number(hex: string): number | undefined {
  if (!/^[0-9A-F]{8}$/i.test(hex)) return undefined;
  return Buffer.from(hex, "hex").readUInt32LE(0);
}
