import { mountSource } from "../../../docker/mount.ts";
import { portsColumn } from "../../../docker/ports.ts";
import { goTime, humanAge } from "../../../docker/times.ts";
import { type VmListParams, type VmSummary, vmList } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { filterFlag, filtersOf } from "../../filters.ts";
import { booleanFlag, integerFlag, stringFlag } from "../../flags.ts";
import { ListFormat, type ListView, listFormatHelp } from "../../output/list-format.ts";
import { ellipsis, shortId } from "../../output/table.ts";

const flags = {
  all: booleanFlag("a", "Show all containers (default shows just running)"),
  filter: filterFlag(),
  format: stringFlag(undefined, listFormatHelp),
  last: integerFlag("n", "Show n last created containers (includes all states)", "-1"),
  latest: booleanFlag("l", "Show the latest created container (includes all states)"),
  "no-trunc": booleanFlag(undefined, "Don't truncate output"),
  quiet: booleanFlag("q", "Only display container IDs"),
} as const;

/** The command line as Docker shows it: arguments with spaces in single quotes. */
function commandLine([path = "", ...args]: readonly string[]): string {
  return [path, ...args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" ");
}

function view(truncate: boolean): ListView<VmSummary> {
  return {
    typeName: "*formatter.ContainerContext",
    defaultTable: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    headers: {
      ID: "CONTAINER ID",
      Names: "NAMES",
      Image: "IMAGE",
      Command: "COMMAND",
      CreatedAt: "CREATED AT",
      RunningFor: "CREATED",
      Ports: "PORTS",
      State: "STATE",
      Status: "STATUS",
      Size: "SIZE",
      Labels: "LABELS",
      Label: (name) => name,
      Mounts: "MOUNTS",
      LocalVolumes: "LOCAL VOLUMES",
      Networks: "NETWORKS",
      Runtime: "RUNTIME",
    },
    row: (vm) => ({
      get ID() {
        return truncate ? shortId(vm.id) : vm.id;
      },
      get Image() {
        return truncate && /^(sha256:)?[0-9a-f]{64}$/.test(vm.image) ? shortId(vm.image) : vm.image;
      },
      get Command() {
        const line = commandLine(vm.command);
        return JSON.stringify(truncate ? ellipsis(line, 20) : line);
      },
      get CreatedAt() {
        return goTime(vm.createdAt);
      },
      get RunningFor() {
        return humanAge(vm.createdAt);
      },
      get Ports() {
        return portsColumn(vm.ports);
      },
      get State() {
        return vm.state;
      },
      get Status() {
        return vm.status;
      },
      Size: "0B",
      get Labels() {
        return Object.entries(vm.labels)
          .map(([key, value]) => `${key}=${value}`)
          .sort()
          .join(",");
      },
      Label: (name: string) => vm.labels[name] ?? "",
      get Mounts() {
        return vm.mounts
          .map(mountSource)
          .map((source) => (truncate ? ellipsis(source, 15) : source))
          .join(",");
      },
      get LocalVolumes() {
        return String(vm.mounts.filter(({ type }) => type === "volume").length);
      },
      get Networks() {
        return vm.networks.join(",");
      },
      get Names() {
        return vm.name;
      },
      get Runtime() {
        return vm.runtime;
      },
    }),
  };
}

export const ps = defineCommand({
  summary: "List containers",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    // Of all lists, Docker says so of this one alone.
    if (flags.quiet && flags.format)
      io.stderr.write("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
    const format = new ListFormat(view(!flags["no-trunc"]), flags.quiet ? "{{.ID}}" : flags.format);
    const params: VmListParams = { all: flags.all };
    if (flags.latest) params.last = 1;
    else if (flags.last !== undefined && flags.last > 0) params.last = flags.last;
    if (flags.filter.length > 0) params.filters = filtersOf(flags.filter);
    const engine = await connect();
    io.stdout.write(format.print(await engine.request(vmList, params)));
    return 0;
  },
});
