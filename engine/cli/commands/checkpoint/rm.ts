import { checkpointRemove } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { checkpointDirFlag } from "./checkpoint-dir-flag.ts";

export const checkpointRm = defineCommand({
  summary: "Remove a checkpoint",
  usage: "[OPTIONS] CONTAINER CHECKPOINT",
  arguments: { min: 2, max: 2 },
  flags: { "checkpoint-dir": checkpointDirFlag },
  async run({ args, connect }) {
    const [vm = "", checkpoint = ""] = args;
    const engine = await connect();
    await engine.request(checkpointRemove, { vm, checkpoint });
    return 0;
  },
});
