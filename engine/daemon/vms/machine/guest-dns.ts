import { readFileSync } from "node:fs";

/**
 * The host's resolver settings for a guest. Under TSI the guest's sockets are the host's, so that even a
 * resolver on the host's loopback is reached; a guest with cards asks the resolvers of its networks instead.
 */
export function guestDns(): { servers: string[]; search: string[]; options: string[] } {
  const dns = { servers: [] as string[], search: [] as string[], options: [] as string[] };
  let text: string;
  try {
    text = readFileSync("/etc/resolv.conf", "utf8");
  } catch {
    return dns;
  }
  for (const line of text.split("\n")) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === "nameserver" && words[0]) dns.servers.push(words[0]);
    else if (keyword === "search" || keyword === "domain") dns.search = words;
    else if (keyword === "options") dns.options = words;
  }
  return dns;
}
