import { contains, overlap, type Subnet, sizeOf } from "../../docker/ipv4.ts";
import { MockerError } from "../../protocol/errors.ts";

const private16 = (second: number): Subnet => ({ base: (172 * 256 + second) * 2 ** 16, bits: 16 });
const private20 = (index: number): Subnet => ({ base: (192 * 256 + 168) * 2 ** 16 + index * 4096, bits: 20 });

/** Docker's: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 to 192.168.240.0/20. */
const pools: readonly Subnet[] = [
  ...Array.from({ length: 15 }, (_, index) => private16(17 + index)),
  ...Array.from({ length: 16 }, (_, index) => private20(index)),
];

/**
 * The first subnet of the pools that overlaps none in use, neither of a network of ours nor one that the host
 * has a route to.
 * @throws INVALID_ARGUMENT in Docker's words
 */
export function freeSubnet(used: readonly Subnet[]): Subnet {
  const free = pools.find((pool) => !used.some((other) => overlap(pool, other)));
  if (free) return free;
  throw new MockerError("INVALID_ARGUMENT", "all predefined address pools have been fully subnetted", {
    hint: "Name a subnet: mocker network create --subnet 10.50.0.0/16 NAME, or remove networks: mocker network prune",
  });
}

/**
 * The lowest address for a VM: not the subnet's own nor its broadcast address, not taken.
 * @throws INVALID_ARGUMENT when there is none left
 */
export function freeAddress(subnet: Subnet, range: Subnet, isTaken: (address: number) => boolean): number {
  const last = subnet.base + sizeOf(subnet) - 1;
  for (let address = range.base; contains(range, address); address++) {
    if (address !== subnet.base && address !== last && !isTaken(address)) return address;
  }
  throw new MockerError("INVALID_ARGUMENT", "no available IPv4 addresses on this network's address pools");
}
