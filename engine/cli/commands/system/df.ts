import { toJson } from "../../../docker/go-json.ts";
import { humanSize } from "../../../docker/sizes.ts";
import { goTime, humanAge } from "../../../docker/times.ts";
import {
  type ImageUsage,
  type SystemUsage,
  systemUsage,
  type VmUsage,
  type VolumeUsage,
} from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { ListFormat, type ListView, listFormatHelp } from "../../output/list-format.ts";
import { ellipsis, shortId } from "../../output/table.ts";

const flags = {
  format: stringFlag(undefined, listFormatHelp),
  verbose: booleanFlag("v", "Show detailed information on space usage"),
} as const;

/** A line of the summary. */
interface Kind {
  type: string;
  total: number;
  active: number;
  sizeBytes: number;
  reclaimableBytes: number;
  /** Docker shows a share of images alone, and of containers that have any size. */
  share: boolean;
}

const summaryView: ListView<Kind> = {
  typeName: "*formatter.diskUsageContext",
  defaultTable: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
  headers: {
    Type: "TYPE",
    TotalCount: "TOTAL",
    Active: "ACTIVE",
    Size: "SIZE",
    Reclaimable: "RECLAIMABLE",
  },
  row: ({ type, total, active, sizeBytes, reclaimableBytes, share }) => ({
    Active: String(active),
    Reclaimable: `${humanSize(reclaimableBytes, 4)}${share && sizeBytes > 0 ? ` (${Math.trunc((reclaimableBytes * 100) / sizeBytes)}%)` : ""}`,
    Size: humanSize(sizeBytes, 4),
    TotalCount: String(total),
    Type: type,
  }),
};

const none = "<none>";

interface NamedUsage extends ImageUsage {
  repository: string;
  tag: string;
}

const imageView: ListView<NamedUsage> = {
  typeName: "*formatter.imageContext",
  defaultTable:
    "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
  headers: {
    Repository: "REPOSITORY",
    Tag: "TAG",
    ID: "IMAGE ID",
    CreatedSince: "CREATED",
    CreatedAt: "CREATED AT",
    Size: "SIZE",
    SharedSize: "SHARED SIZE",
    UniqueSize: "UNIQUE SIZE",
    Containers: "CONTAINERS",
  },
  row: ({ image, repository, tag, sharedBytes, vms }) => ({
    Containers: String(vms),
    CreatedAt: goTime(image.created),
    CreatedSince: humanAge(image.created),
    Digest: "",
    ID: shortId(image.id),
    Repository: repository,
    SharedSize: humanSize(sharedBytes, 4),
    Size: humanSize(image.sizeBytes),
    Tag: tag,
    UniqueSize: humanSize(image.sizeBytes - sharedBytes, 4),
  }),
};

const vmView: ListView<VmUsage> = {
  typeName: "*formatter.containerContext",
  defaultTable:
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
  headers: {
    ID: "CONTAINER ID",
    Image: "IMAGE",
    Command: "COMMAND",
    LocalVolumes: "LOCAL VOLUMES",
    Size: "SIZE",
    RunningFor: "CREATED",
    Status: "STATUS",
    Names: "NAMES",
  },
  row: ({ vm, diskBytes }) => ({
    Command: `"${ellipsis(vm.command.join(" "), 20)}"`,
    CreatedAt: goTime(vm.createdAt),
    ID: shortId(vm.id),
    Image: vm.image,
    LocalVolumes: String(vm.mounts.filter(({ type }) => type === "volume").length),
    Names: vm.name,
    RunningFor: humanAge(vm.createdAt),
    Size: humanSize(diskBytes),
    State: vm.state,
    Status: vm.status,
  }),
};

const volumeView: ListView<VolumeUsage> = {
  typeName: "*formatter.volumeContext",
  defaultTable: "{{.Name}}\t{{.Links}}\t{{.Size}}",
  headers: { Name: "VOLUME NAME", Links: "LINKS", Size: "SIZE" },
  row: ({ volume, diskBytes }) => ({
    Availability: "N/A",
    Driver: volume.driver,
    Group: "N/A",
    Labels: Object.entries(volume.labels)
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(","),
    Links: String(volume.users.length),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Scope: "local",
    Size: humanSize(diskBytes),
    Status: "N/A",
  }),
};

function kinds({ images, vms, volumes }: SystemUsage): Kind[] {
  const idle = vms.filter(({ vm }) => vm.state !== "running" && vm.state !== "paused");
  const unused = volumes.filter(({ volume }) => volume.users.length === 0);
  const sum = (usages: readonly { diskBytes: number }[]): number =>
    usages.reduce((bytes, { diskBytes }) => bytes + diskBytes, 0);
  return [
    {
      type: "Images",
      total: images.items.length,
      active: images.items.filter((item) => item.vms > 0).length,
      sizeBytes: images.diskBytes,
      reclaimableBytes: images.reclaimableBytes,
      share: true,
    },
    {
      type: "Containers",
      total: vms.length,
      active: vms.length - idle.length,
      sizeBytes: sum(vms),
      reclaimableBytes: sum(idle),
      share: true,
    },
    {
      type: "Local Volumes",
      total: volumes.length,
      active: volumes.length - unused.length,
      sizeBytes: sum(volumes),
      reclaimableBytes: sum(unused),
      share: true,
    },
    { type: "Build Cache", total: 0, active: 0, sizeBytes: 0, reclaimableBytes: 0, share: false },
  ];
}

function namesOf(usage: ImageUsage): NamedUsage[] {
  const { repoTags } = usage.image;
  if (repoTags.length === 0) return [{ ...usage, repository: none, tag: none }];
  return repoTags.map((name) => {
    const colon = name.lastIndexOf(":");
    return { ...usage, repository: name.slice(0, colon), tag: name.slice(colon + 1) };
  });
}

export const systemDf = defineCommand({
  summary: "Show disk usage",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const { format, verbose } = flags;
    if (verbose && format && format !== "table" && format !== "json")
      throw new CommandFailure("the verbose and the format option conflict");
    const summary = new ListFormat(summaryView, verbose ? undefined : format);
    const usage = await (await connect()).request0(systemUsage);
    if (!verbose) {
      io.stdout.write(summary.print(kinds(usage)));
      return 0;
    }
    const images = usage.images.items.flatMap(namesOf);
    if (format === "json") {
      const rows = {
        Images: images.map(imageView.row),
        Containers: usage.vms.map(vmView.row),
        Volumes: usage.volumes.map(volumeView.row),
      };
      io.stdout.write(`${toJson({ ...rows, BuildCache: [] })}\n`);
      return 0;
    }
    io.stdout.write(
      [
        `Images space usage:\n\n${new ListFormat(imageView, undefined).print(images)}`,
        `Containers space usage:\n\n${new ListFormat(vmView, undefined).print(usage.vms)}`,
        `Local Volumes space usage:\n\n${new ListFormat(volumeView, undefined).print(usage.volumes)}`,
        "Build cache usage: 0B\n\nCACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n",
      ].join("\n"),
    );
    return 0;
  },
});
