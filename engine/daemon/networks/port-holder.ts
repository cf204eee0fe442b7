import { readdir, readFile, readlink } from "node:fs/promises";
import type { PortRequest } from "./netd-client.ts";

/** A process that has a port. */
export interface PortHolder {
  pid: number;
  /** The name of its program. */
  command: string;
}

const listening = "0A";

/**
 * Who has a port of the host. Undefined where nobody has it any more, and where the process is not this
 * user's: whose sockets those are only root can see.
 */
export async function portHolder({
  protocol,
  hostPort,
}: Pick<PortRequest, "protocol" | "hostPort">): Promise<PortHolder | undefined> {
  const inodes = new Set<string>();
  for (const table of [`/proc/net/${protocol}`, `/proc/net/${protocol}6`]) {
    for (const inode of socketInodes(await readFile(table, "utf8").catch(() => ""), protocol, hostPort))
      inodes.add(`socket:[${inode}]`);
  }
  if (inodes.size === 0) return undefined;
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      if (!inodes.has(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ""))) continue;
      const command = (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim();
      return { pid: Number(pid), command: command || "a process" };
    }
  }
  return undefined;
}

/** The sockets that have a local port, of a table as /proc/net/tcp: those that listen, or for UDP all. */
export function socketInodes(table: string, protocol: "tcp" | "udp", port: number): string[] {
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state = "", , , , , , inode = ""] = line.trim().split(/\s+/);
    const isPort = Number.parseInt(local.split(":")[1] ?? "", 16) === port;
    return isPort && (protocol === "udp" || state === listening) && /^\d+$/.test(inode) ? [inode] : [];
  });
}
