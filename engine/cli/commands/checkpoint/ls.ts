import { type CheckpointSummary, checkpointList } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { ListFormat, type ListView } from "../../output/list-format.ts";
import { checkpointDirFlag } from "./checkpoint-dir-flag.ts";

const view: ListView<CheckpointSummary> = {
  typeName: "*checkpoint.checkpointContext",
  defaultTable: "{{.Name}}",
  headers: { Name: "CHECKPOINT NAME" },
  row: ({ name }) => ({ Name: name }),
};

export const checkpointLs = defineCommand({
  summary: "List checkpoints for a container",
  usage: "[OPTIONS] CONTAINER",
  arguments: { min: 1, max: 1 },
  flags: { "checkpoint-dir": checkpointDirFlag },
  async run({ args, io, connect }) {
    const [vm = ""] = args;
    const engine = await connect();
    const checkpoints = await engine.request(checkpointList, { vm });
    io.stdout.write(new ListFormat(view, undefined).print(checkpoints));
    return 0;
  },
});
