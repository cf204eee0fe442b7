import { CommandFailure, defineCommand } from "../../command.ts";
import { ContextStore, defaultContext } from "../../contexts/context-store.ts";
import { contextName } from "../../contexts/endpoint.ts";
import { booleanFlag } from "../../flags.ts";

export const contextRm = defineCommand({
  summary: "Remove one or more contexts",
  usage: "CONTEXT [CONTEXT...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: { force: booleanFlag("f", "Force the removal of a context in use") },
  async run({ args, flags: { force }, io }) {
    const store = new ContextStore(io.env);
    const failures: string[] = [];
    for (const name of args) {
      const isKnown = store.list().some((context) => context.name === name);
      if (name === defaultContext) failures.push('context "default" cannot be removed');
      else if (name === contextName(io.env) && !force)
        failures.push(`context "${name}" is in use, set -f flag to force remove`);
      else if (!isKnown && !force) failures.push(`context "${name}" does not exist`);
      else {
        store.remove(name);
        io.stdout.write(`${name}\n`);
      }
    }
    if (failures.length > 0) throw new CommandFailure(failures.join("\n"));
    return 0;
  },
});
