import { humanSize } from "../../../docker/sizes.ts";
import { type ImagePruneResult, imagePrune } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { filtersOf, pruneFilterFlag } from "../../filters.ts";
import { booleanFlag } from "../../flags.ts";
import type { OutputStream } from "../../io.ts";
import { confirm } from "../../terminal/confirm.ts";

const flags = {
  all: booleanFlag("a", "Remove all unused images, not just dangling ones"),
  filter: pruneFilterFlag('Provide filter values (e.g. "until=<timestamp>")'),
  force: booleanFlag("f", "Do not prompt for confirmation"),
} as const;

const warnings = {
  dangling: "WARNING! This will remove all dangling images.",
  all: "WARNING! This will remove all images without at least one container associated to them.",
};

export const imagePruneCommand = defineCommand({
  summary: "Remove unused images",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    if (!flags.force && !(await confirm(io, flags.all ? warnings.all : warnings.dangling))) return 0;
    const engine = await connect();
    const result = await engine.request(imagePrune, { all: flags.all, filters: filtersOf(flags.filter) });
    listDeleted(io.stdout, result);
    io.stdout.write(`Total reclaimed space: ${humanSize(result.reclaimedBytes, 4)}\n`);
    return 0;
  },
});

/** Docker's list of what a prune took away; nothing for nothing. */
export function listDeleted(out: OutputStream, { untagged, deleted }: ImagePruneResult): void {
  if (untagged.length + deleted.length === 0) return;
  out.write("Deleted Images:\n");
  for (const name of untagged) out.write(`untagged: ${name}\n`);
  for (const id of deleted) out.write(`deleted: ${id}\n`);
  out.write("\n");
}
