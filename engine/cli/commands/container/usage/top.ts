import { vmTop } from "../../../../protocol/index.ts";
import { defineCommand } from "../../../command.ts";
import { alignTable } from "../../../output/table.ts";

/** Docker's for this table alone. */
const minimumWidth = 20;

export const top = defineCommand({
  summary: "Display the running processes of a container",
  usage: "CONTAINER [ps OPTIONS]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: {},
  stopAtFirstArgument: true,
  async run({ args: [vm = "", ...words], io, connect }) {
    const psArgs = words.join(" ");
    const engine = await connect();
    const { titles, processes } = await engine.request(vmTop, psArgs === "" ? { vm } : { vm, psArgs });
    const lines = [titles, ...processes].map((cells) => `${cells.join("\t")}\n`);
    io.stdout.write(alignTable(lines.join(""), minimumWidth));
    return 0;
  },
});
