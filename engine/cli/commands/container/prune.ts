import { humanSize } from "../../../docker/sizes.ts";
import { type VmPruneResult, vmPrune } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { filtersOf, pruneFilterFlag } from "../../filters.ts";
import { booleanFlag } from "../../flags.ts";
import type { OutputStream } from "../../io.ts";
import { confirm } from "../../terminal/confirm.ts";

const flags = {
  filter: pruneFilterFlag('Provide filter values (e.g. "until=<timestamp>")'),
  force: booleanFlag("f", "Do not prompt for confirmation"),
} as const;

export const containerPrune = defineCommand({
  summary: "Remove all stopped containers",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const filters = filtersOf(flags.filter);
    const warning = "WARNING! This will remove all stopped containers.";
    if (!flags.force && !(await confirm(io, warning))) return 0;
    const result = await (await connect()).request(vmPrune, { filters });
    listDeletedContainers(io.stdout, result);
    io.stdout.write(`Total reclaimed space: ${humanSize(result.reclaimedBytes, 4)}\n`);
    return 0;
  },
});

/** Docker's list of what a prune took away; nothing for nothing. */
export function listDeletedContainers(out: OutputStream, { removed }: VmPruneResult): void {
  if (removed.length > 0) out.write(`Deleted Containers:\n${removed.join("\n")}\n\n`);
}
