import { parseLink } from "../../../docker/network-options.ts";
import { networkConnect } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { listFlag, stringFlag } from "../../flags.ts";

const flags = {
  alias: listFlag(undefined, "strings", "Add network-scoped alias for the container", (text) => text),
  ip: stringFlag(undefined, 'IPv4 address (e.g., "172.30.100.104")'),
  link: listFlag(undefined, "list", "Add link to another container", (text) => {
    parseLink(text);
    return text;
  }),
} as const;

export const networkConnectCommand = defineCommand({
  summary: "Connect a container to a network",
  usage: "[OPTIONS] NETWORK CONTAINER",
  arguments: { min: 2, max: 2 },
  flags,
  async run({ args: [network = "", vm = ""], flags, connect }) {
    const aliases = flags.alias.flatMap((text) => text.split(","));
    const engine = await connect();
    await engine.request(networkConnect, {
      network,
      vm,
      ...(aliases.length > 0 ? { aliases } : {}),
      ...(flags.ip ? { address: flags.ip } : {}),
      ...(flags.link.length > 0 ? { links: [...flags.link] } : {}),
    });
    return 0;
  },
});
