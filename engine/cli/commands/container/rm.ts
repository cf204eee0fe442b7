import { MockerError, vmRemove } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { booleanFlag, refusedFlag } from "../../flags.ts";
import { eachTarget } from "../each-target.ts";

const flags = {
  force: booleanFlag("f", "Force the removal of a running container (uses SIGKILL)"),
  link: refusedFlag(
    booleanFlag("l", "Remove the specified link"),
    "links are made with a container, and go with it",
    "Disconnect it from the network: mocker network disconnect NETWORK CONTAINER",
  ),
  volumes: booleanFlag("v", "Remove anonymous volumes associated with the container"),
} as const;

export const rm = defineCommand({
  summary: "Remove one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run({ args, flags, io, connect }) {
    const engine = await connect();
    const { force, volumes } = flags;
    // Docker's `rm -f` says that there is no such container, and calls it a success.
    let missing = 0;
    const exitCode = await eachTarget(io, args, async (vm) => {
      try {
        await engine.request(vmRemove, { vm, force, volumes });
      } catch (error) {
        if (force && error instanceof MockerError && error.code === "VM_NOT_FOUND") missing++;
        throw error;
      }
      return vm;
    });
    return missing > 0 && missing === args.length ? 0 : exitCode;
  },
});
