import { parseFilterBoolean } from "../../../docker/filters.ts";
import { humanSize } from "../../../docker/sizes.ts";
import { type VolumePruneResult, volumePrune } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { filtersOf, pruneFilterFlag } from "../../filters.ts";
import { booleanFlag } from "../../flags.ts";
import type { OutputStream } from "../../io.ts";
import { confirm } from "../../terminal/confirm.ts";

const flags = {
  all: booleanFlag("a", "Remove all unused volumes, not just anonymous ones"),
  filter: pruneFilterFlag('Provide filter values (e.g. "label=<label>")'),
  force: booleanFlag("f", "Do not prompt for confirmation"),
} as const;

const warnings = {
  anonymous: "WARNING! This will remove anonymous local volumes not used by at least one container.",
  all: "WARNING! This will remove all local volumes not used by at least one container.",
};

export const volumePruneCommand = defineCommand({
  summary: "Remove unused local volumes",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const filters = filtersOf(flags.filter);
    const everything = filters.all ?? [];
    if (flags.all && everything.length > 0) {
      throw new CommandFailure("conflicting options: cannot specify both --all and --filter all=1");
    }
    const all = flags.all || everything.some((text) => parseFilterBoolean("all", text));
    if (!flags.force && !(await confirm(io, all ? warnings.all : warnings.anonymous))) return 0;
    const engine = await connect();
    const result = await engine.request(volumePrune, { all: flags.all, filters });
    listRemovedVolumes(io.stdout, result);
    io.stdout.write(`Total reclaimed space: ${humanSize(result.reclaimedBytes, 4)}\n`);
    return 0;
  },
});

/** Docker's list of what a prune took away; nothing for nothing. */
export function listRemovedVolumes(out: OutputStream, { removed }: VolumePruneResult): void {
  if (removed.length > 0) out.write(`Deleted Volumes:\n${removed.join("\n")}\n\n`);
}
