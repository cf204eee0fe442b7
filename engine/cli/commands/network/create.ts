import { networkCreate } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { booleanFlag, listFlag, stringFlag } from "../../flags.ts";
import { checkLabel, collectLabels } from "../container/options/env-file.ts";

/** Docker's `strings`: commas part them too. */
function stringsFlag(description: string) {
  return listFlag(undefined, "strings", description, (text) => text);
}

const flags = {
  attachable: booleanFlag(undefined, "Enable manual container attachment"),
  driver: stringFlag("d", "Driver to manage the Network", "bridge"),
  gateway: stringsFlag("IPv4 Gateway for the master subnet"),
  internal: booleanFlag(undefined, "Restrict external access to the network"),
  "ip-range": stringsFlag("Allocate container ip from a sub-range"),
  ipv6: booleanFlag(undefined, "Enable or disable IPv6 address assignment (not supported yet)"),
  label: listFlag(undefined, "list", "Set metadata on a network", checkLabel),
  opt: listFlag("o", "map", "Set driver specific options", (text) => text),
  subnet: stringsFlag("Subnet in CIDR format that represents a network segment"),
} as const;

/** The one value of a flag that Docker takes several of, one per address family. Throws CommandFailure. */
function only(values: readonly string[], what: string): string | undefined {
  const all = values.flatMap((text) => text.split(","));
  if (all.length <= 1) return all[0];
  throw new CommandFailure(`a network has one ${what} here, not ${all.length}: IPv6 is not supported yet`);
}

export const networkCreateCommand = defineCommand({
  summary: "Create a network",
  usage: "[OPTIONS] NETWORK",
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    if (flags.ipv6) throw new CommandFailure("--ipv6: networks have no IPv6 yet");
    const subnet = only(flags.subnet, "subnet");
    const gateway = only(flags.gateway, "gateway");
    const ipRange = only(flags["ip-range"], "ip-range");
    const engine = await connect();
    const { id, warnings } = await engine.request(networkCreate, {
      name: args[0] ?? "",
      internal: flags.internal,
      attachable: flags.attachable,
      labels: collectLabels([], flags.label),
      options: collectLabels([], flags.opt),
      ...(flags.driver ? { driver: flags.driver } : {}),
      ...(subnet === undefined ? {} : { subnet }),
      ...(gateway === undefined ? {} : { gateway }),
      ...(ipRange === undefined ? {} : { ipRange }),
    });
    for (const warning of warnings) io.stderr.write(`WARNING: ${warning}\n`);
    io.stdout.write(`${id}\n`);
    return 0;
  },
});
