import { type FileChange, vmDiff } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { interruptible } from "../../terminal/interruptible.ts";

const letters: Readonly<Record<FileChange["kind"], string>> = { added: "A", changed: "C", deleted: "D" };

export const diff = defineCommand({
  summary: "Inspect changes to files or directories on a container's filesystem",
  usage: "CONTAINER",
  arguments: { min: 1, max: 1 },
  flags: {},
  async run({ args, io, connect }) {
    const [vm = ""] = args;
    const engine = await connect();
    const { changes } = await interruptible(io, (signal) => engine.request(vmDiff, { vm }, { signal }));
    for (const { kind, path } of changes) io.stdout.write(`${letters[kind]} ${path}\n`);
    return 0;
  },
});
