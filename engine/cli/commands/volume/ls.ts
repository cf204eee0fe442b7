import { type VolumeSummary, volumeList } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { filterFlag, filtersOf } from "../../filters.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { ListFormat, type ListView, listFormatHelp } from "../../output/list-format.ts";

const flags = {
  filter: filterFlag(),
  format: stringFlag(undefined, listFormatHelp),
  quiet: booleanFlag("q", "Only display volume names"),
} as const;

const none = "N/A";

const view: ListView<VolumeSummary> = {
  typeName: "*formatter.volumeContext",
  defaultTable: "{{.Driver}}\t{{.Name}}",
  headers: {
    Driver: "DRIVER",
    Name: "VOLUME NAME",
    Availability: "AVAILABILITY",
    Group: "GROUP",
    Label: (name) => name,
    Labels: "LABELS",
    Links: "LINKS",
    Mountpoint: "MOUNTPOINT",
    Scope: "SCOPE",
    Size: "SIZE",
    Status: "STATUS",
  },
  row: (volume) => ({
    Availability: none,
    Driver: volume.driver,
    Group: none,
    Label: (name: string) => volume.labels[name] ?? "",
    get Labels() {
      return Object.entries(volume.labels)
        .map(([key, value]) => `${key}=${value}`)
        .sort()
        .join(",");
    },
    Links: none,
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Scope: "local",
    Size: none,
    Status: none,
  }),
};

export const volumeLs = defineCommand({
  summary: "List volumes",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const { filter, format: wanted, quiet } = flags;
    const isTable = wanted === undefined || wanted === "" || wanted === "table";
    const format = new ListFormat(view, quiet && isTable ? "{{.Name}}" : wanted);
    const engine = await connect();
    const volumes = await engine.request(volumeList, filter.length > 0 ? { filters: filtersOf(filter) } : {});
    io.stdout.write(format.print(volumes));
    return 0;
  },
});
