import type { EngineClient } from "../../../client/engine-client.ts";
import { isTmpfsFlag } from "../../../docker/inspect-host-config.ts";
import { mountSource } from "../../../docker/mount.ts";
import { portsColumn } from "../../../docker/ports.ts";
import { commandLine } from "../../../docker/run-options/command-line.ts";
import { humanSize } from "../../../docker/sizes.ts";
import { goTime, humanAge } from "../../../docker/times.ts";
import { systemUsage, type VmListParams, type VmSummary, vmList } from "../../../protocol/index.ts";
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
  size: booleanFlag("s", "Display total file sizes"),
} as const;

/** A VM, and the bytes that it has written and that its image has, where they were asked for. */
interface SizedVm {
  vm: VmSummary;
  size: { own: number; image: number } | undefined;
}

function view(truncate: boolean, size: boolean): ListView<SizedVm> {
  const columns = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
  return {
    typeName: "*formatter.ContainerContext",
    // Docker tries the template out here before anything else.
    mistake: ({ message }) =>
      `failed to ${message.includes(": executing ") ? "execute" : "parse"} template: ${message}`,
    defaultTable: size ? `${columns}\t{{.Size}}` : columns,
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
      Platform: "PLATFORM",
      Runtime: "RUNTIME",
    },
    row: ({ vm, size }) => ({
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
      // Docker's daemons of one platform tell none.
      Platform: null,
      get Size() {
        const own = humanSize(size?.own ?? 0);
        return size ? `${own} (virtual ${humanSize(size.image + size.own)})` : own;
      },
      get Labels() {
        return Object.entries(vm.labels)
          .map(([key, value]) => `${key}=${value}`)
          .sort()
          .join(",");
      },
      Label: (name: string) => vm.labels[name] ?? "",
      get Mounts() {
        return vm.mounts
          .filter((mount) => !isTmpfsFlag(mount))
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

/** The sizes of a VM, as `system df` counts them. */
async function sizesOf(engine: EngineClient): Promise<(vm: VmSummary) => SizedVm["size"]> {
  const { vms, images } = await engine.request0(systemUsage);
  return ({ id, imageId }) => ({
    own: vms.find(({ vm }) => vm.id === id)?.diskBytes ?? 0,
    image: images.items.find(({ image }) => image.id === imageId)?.image.sizeBytes ?? 0,
  });
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
    const template = flags.quiet ? "{{.ID}}" : flags.format;
    const format = new ListFormat(view(!flags["no-trunc"], flags.size), template);
    const params: VmListParams = { all: flags.all };
    if (flags.latest) params.last = 1;
    else if (flags.last !== undefined && flags.last > 0) params.last = flags.last;
    if (flags.filter.length > 0) params.filters = filtersOf(flags.filter);
    const engine = await connect();
    const vms = await engine.request(vmList, params);
    // As in Docker: a template that shows them asks for them, and `json` does not.
    const sized = flags.size || /\.Size\b|json \.\s*}}/.test(template ?? "");
    const sizes = sized && vms.length > 0 ? await sizesOf(engine) : undefined;
    io.stdout.write(format.print(vms.map((vm) => ({ vm, size: sizes?.(vm) }))));
    return 0;
  },
});
