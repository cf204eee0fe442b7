import { defineCommand } from "../../command.ts";
import { contextName } from "../../contexts/endpoint.ts";

export const contextShow = defineCommand({
  summary: "Print the name of the current context",
  usage: "",
  arguments: { min: 0, max: 0 },
  flags: {},
  async run({ io }) {
    io.stdout.write(`${contextName(io.env)}\n`);
    return 0;
  },
});
