import { goTime } from "../../../docker/times.ts";
import { type NetworkDetails, networkList } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { filterFlag, filtersOf } from "../../filters.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { ListFormat, type ListView, listFormatHelp, quietFormat } from "../../output/list-format.ts";
import { shortId } from "../../output/table.ts";

const flags = {
  filter: filterFlag('Provide filter values (e.g. "driver=bridge")'),
  format: stringFlag(undefined, listFormatHelp),
  "no-trunc": booleanFlag(undefined, "Do not truncate the output"),
  quiet: booleanFlag("q", "Only display network IDs"),
} as const;

function view(truncate: boolean): ListView<NetworkDetails> {
  return {
    typeName: "*formatter.networkContext",
    defaultTable: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    headers: {
      ID: "NETWORK ID",
      Name: "NAME",
      Driver: "DRIVER",
      Scope: "SCOPE",
      IPv4: "IPV4",
      IPv6: "IPV6",
      Internal: "INTERNAL",
      Labels: "LABELS",
      Label: (name) => name,
      CreatedAt: "CREATED AT",
    },
    row: (network) => ({
      get ID() {
        return truncate ? shortId(network.id) : network.id;
      },
      Name: network.name,
      Driver: network.driver,
      Scope: "local",
      IPv4: "true",
      IPv6: "false",
      Internal: String(network.internal),
      get Labels() {
        return Object.entries(network.labels)
          .map(([key, value]) => `${key}=${value}`)
          .sort()
          .join(",");
      },
      Label: (name: string) => network.labels[name] ?? "",
      get CreatedAt() {
        return goTime(network.createdAt);
      },
    }),
  };
}

export const networkLs = defineCommand({
  summary: "List networks",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const format = new ListFormat(view(!flags["no-trunc"]), quietFormat(flags.quiet, flags.format));
    const engine = await connect();
    const filters = filtersOf(flags.filter);
    io.stdout.write(format.print(await engine.request(networkList, { filters })));
    return 0;
  },
});
