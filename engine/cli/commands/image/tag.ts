import { imageTag } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";

export const tag = defineCommand({
  summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  arguments: { min: 2, max: 2 },
  flags: {},
  async run({ args, connect }) {
    const [source = "", target = ""] = args;
    await (await connect()).request(imageTag, { source, target });
    return 0;
  },
});
