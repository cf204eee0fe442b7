import { humanSize } from "../../../docker/sizes.ts";
import {
  type ImagePruneResult,
  imagePrune,
  MockerError,
  networkPrune,
  vmPrune,
  volumePrune,
} from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { filtersOf, pruneFilterFlag } from "../../filters.ts";
import { booleanFlag, type FlagValues } from "../../flags.ts";
import { confirm } from "../../terminal/confirm.ts";
import { listDeletedContainers } from "../container/prune.ts";
import { listDeleted } from "../image/prune.ts";
import { listDeletedNetworks } from "../network/prune.ts";
import { listRemovedVolumes } from "../volume/prune.ts";

const flags = {
  all: booleanFlag("a", "Remove all unused images not just dangling ones"),
  filter: pruneFilterFlag('Provide filter values (e.g. "label=<key>=<value>")'),
  force: booleanFlag("f", "Do not prompt for confirmation"),
  volumes: booleanFlag(undefined, "Prune anonymous volumes"),
} as const;

const filterKeys = ["label", "label!", "until"];

export const systemPrune = defineCommand({
  summary: "Remove unused data",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const filters = filtersOf(flags.filter);
    const unknown = Object.keys(filters).find((key) => !filterKeys.includes(key));
    if (unknown !== undefined)
      throw new MockerError("INVALID_ARGUMENT", `invalid filter '${unknown}'`, {
        hint: `Filters are: ${filterKeys.join(", ")}.`,
      });
    if (flags.volumes && filters.until !== undefined)
      throw new CommandFailure('ERROR: The "until" filter is not supported with "--volumes"');
    if (!flags.force && !(await confirm(io, warning(flags)))) return 0;
    const engine = await connect();
    const containers = await engine.request(vmPrune, { filters });
    listDeletedContainers(io.stdout, containers);
    const networks = await engine.request(networkPrune, { filters });
    listDeletedNetworks(io.stdout, networks.deleted);
    let reclaimed = containers.reclaimedBytes;
    if (flags.volumes) {
      const volumes = await engine.request(volumePrune, { filters });
      listRemovedVolumes(io.stdout, volumes);
      reclaimed += volumes.reclaimedBytes;
    }
    const result: ImagePruneResult = await engine.request(imagePrune, { all: flags.all, filters });
    listDeleted(io.stdout, result);
    io.stdout.write(`Total reclaimed space: ${humanSize(result.reclaimedBytes + reclaimed, 4)}\n`);
    return 0;
  },
});

function warning({ all, volumes, filter: filters }: FlagValues<typeof flags>): string {
  const images = all ? "all images without at least one container associated to them" : "all dangling images";
  const filtered =
    filters.length === 0
      ? []
      : ["", "  Items to be pruned will be filtered with:", ...filters.map((filter) => `  - ${filter}`)];
  const lines = [
    "WARNING! This will remove:",
    "  - all stopped containers",
    "  - all networks not used by at least one container",
    ...(volumes ? ["  - all anonymous volumes not used by at least one container"] : []),
    `  - ${images}`,
    ...filtered,
  ];
  return `${lines.join("\n")}\n`;
}
