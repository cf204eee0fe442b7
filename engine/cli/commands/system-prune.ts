import { type ImagePruneResult, imagePrune, MockerError, vmList, vmRemove } from "../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../command.ts";
import { confirm } from "../confirm.ts";
import type { Engine } from "../connection.ts";
import { filtersOf, pruneFilterFlag } from "../filters.ts";
import { booleanFlag } from "../flags.ts";
import { humanSize } from "../units.ts";
import { listDeleted } from "./image-prune.ts";

const flags = {
  all: booleanFlag("a", "Remove all unused images not just dangling ones"),
  filter: pruneFilterFlag('Provide filter values (e.g. "label=<key>=<value>")'),
  force: booleanFlag("f", "Do not prompt for confirmation"),
} as const;

export const systemPrune = defineCommand({
  summary: "Remove unused data",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const filters = filtersOf(flags.filter);
    const unknown = Object.keys(filters).find((key) => key !== "label");
    if (unknown !== undefined) throw new CommandFailure(`invalid filter '${unknown}'`);
    const images = flags.all
      ? "all images without at least one container associated to them"
      : "all dangling images";
    const warning = `WARNING! This will remove:\n  - all stopped containers\n  - ${images}\n`;
    if (!flags.force && !(await confirm(io, warning))) return 0;
    const engine = await connect();
    const removed = await removeStopped(engine, filters);
    if (removed.length > 0) io.stdout.write(`Deleted Containers:\n${removed.join("\n")}\n\n`);
    const result: ImagePruneResult = await engine.request(imagePrune, { all: flags.all, filters });
    listDeleted(io.stdout, result);
    io.stdout.write(`Total reclaimed space: ${humanSize(result.reclaimedBytes, 4)}\n`);
    return 0;
  },
});

async function removeStopped(engine: Engine, filters: Record<string, string[]>): Promise<string[]> {
  const removed: string[] = [];
  for (const { id, state } of await engine.request(vmList, { all: true, filters })) {
    if (state === "running" || state === "paused") continue;
    try {
      removed.push((await engine.request(vmRemove, { vm: id })).id);
    } catch (error) {
      // Started or removed meanwhile.
      if (!(error instanceof MockerError && ["VM_RUNNING", "VM_NOT_FOUND"].includes(error.code))) throw error;
    }
  }
  return removed;
}
