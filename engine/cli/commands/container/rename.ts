import { vmRename } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { describeError } from "../../errors.ts";

export const rename = defineCommand({
  summary: "Rename a container",
  usage: "CONTAINER NEW_NAME",
  arguments: { min: 2, max: 2 },
  flags: {},
  async run({ args, io, connect }) {
    const [vm = "", name = ""] = args.map((arg) => arg.trim());
    if (vm === "" || name === "") throw new CommandFailure("Error: Neither old nor new names may be empty");
    const engine = await connect();
    try {
      await engine.request(vmRename, { vm, name });
      return 0;
    } catch (error) {
      io.stderr.write(`${describeError(error)}\n`);
      throw new CommandFailure(`Error: failed to rename container named ${vm}`);
    }
  },
});
