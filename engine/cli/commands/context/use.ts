import { defineCommand } from "../../command.ts";
import { ContextStore } from "../../contexts/context-store.ts";
import { overridden } from "./ls.ts";

export const contextUse = defineCommand({
  summary: "Set the current docker context",
  usage: "CONTEXT",
  arguments: { min: 1, max: 1 },
  flags: {},
  async run({ args, io }) {
    const [name = ""] = args;
    new ContextStore(io.env).use(name);
    io.stdout.write(`${name}\n`);
    io.stderr.write(`Current context is now "${name}"\n`);
    if (io.env.MOCKER_HOST) io.stderr.write(overridden(`To use "${name}"`));
    return 0;
  },
});
