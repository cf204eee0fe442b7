import { vmRemove } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { describeError, startFailureCode, withHelp } from "../../errors.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { attachAndWait } from "../../terminal/main-process.ts";
import { detachKeysOf, requireTerminal } from "../../terminal/process-session.ts";
import { terminalSize } from "../../terminal/terminal.ts";
import { attachedStreams, createFlags } from "./options/create-flags.ts";
import { prepareCreation, runCreation } from "./options/creation.ts";
import { requireSecrets } from "./options/secret-env.ts";
import { startVm } from "./options/start-vm.ts";

const flags = {
  ...createFlags,
  detach: booleanFlag("d", "Run container in background and print container ID"),
  "detach-keys": stringFlag(undefined, "Override the key sequence for detaching a container"),
  "sig-proxy": booleanFlag(undefined, "Proxy received signals to the process", true),
} as const;

/** Docker's status for failures that are not the workload's. */
function asRunFailure(error: unknown): CommandFailure {
  return error instanceof CommandFailure ? error : new CommandFailure(describeError(error), 125);
}

export const run = defineCommand({
  summary: "Create and run a new container from an image",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  stopAtFirstArgument: true,
  async run(context) {
    const { io } = context;
    const { attach, detach, tty, rm } = context.flags;
    if (detach && attach.length > 0) {
      throw new CommandFailure("conflicting options: cannot specify both --attach and --detach");
    }
    const attached = detach ? new Set<string>() : attachedStreams(context.flags);
    requireTerminal(io, tty, attached.has("stdin"));
    const creation = prepareCreation(context, "run", attached);

    try {
      requireSecrets(creation.params.secretEnv ?? [], io.env);
      const detachKeys = detachKeysOf(context.flags["detach-keys"]);
      const id = await runCreation(context, creation).catch((error: unknown) => {
        // A Ctrl-C while the image was pulled.
        if (error instanceof CommandFailure) throw error;
        throw new CommandFailure(withHelp(error, "run"), 125);
      });
      const engine = await context.connect();
      // As in Docker: also of one that does not start then.
      if (!attached.has("stdout") && !attached.has("stderr")) io.stdout.write(`${id}\n`);
      const start = async (): Promise<void> => {
        const size = tty ? terminalSize(io) : undefined;
        try {
          await startVm({ engine, io }, { vm: id, ...size });
        } catch (error) {
          // The engine removes a VM with --rm when it ends; one that never ran may be left to us.
          if (rm) await engine.request(vmRemove, { vm: id, force: true }).catch(() => undefined);
          throw new CommandFailure(withHelp(error, "run"), startFailureCode(error));
        }
      };
      if (attached.size === 0) {
        await start();
        return 0;
      }
      const outcome = await attachAndWait({
        engine,
        io,
        id,
        name: context.flags.name || id.slice(0, 12),
        tty,
        stdin: attached.has("stdin"),
        stdout: attached.has("stdout"),
        stderr: attached.has("stderr"),
        detachKeys,
        condition: rm ? "removed" : "next-exit",
        proxySignals: context.flags["sig-proxy"],
        onHangup: context.flags["sig-proxy"] ? "forward" : "leave",
        start,
      });
      return outcome === "detached" ? 0 : outcome;
    } catch (error) {
      throw asRunFailure(error);
    }
  },
});
