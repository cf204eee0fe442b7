import { vmInspect } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { describeError, startFailureCode } from "../../errors.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { attachToVm } from "../../terminal/main-process.ts";
import { detachKeysOf } from "../../terminal/process-session.ts";
import { terminalSize } from "../../terminal/terminal.ts";
import { checkpointDirFlag } from "../checkpoint/checkpoint-dir-flag.ts";
import { startParams, startParamsOf } from "./options/start-params.ts";
import { startVm } from "./options/start-vm.ts";

const flags = {
  attach: booleanFlag("a", "Attach STDOUT/STDERR and forward signals"),
  checkpoint: stringFlag(undefined, "Restore from this checkpoint"),
  "checkpoint-dir": checkpointDirFlag,
  "detach-keys": stringFlag(undefined, "Override the key sequence for detaching a container"),
  interactive: booleanFlag("i", "Attach container's STDIN"),
} as const;

export const start = defineCommand({
  summary: "Start one or more stopped containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run(context) {
    const { io, args } = context;
    const [name, second] = args;
    const { checkpoint } = context.flags;
    if (checkpoint && second !== undefined)
      throw new CommandFailure("you cannot restore multiple containers at once");
    const restored = checkpoint ? { checkpoint } : {};
    if (!context.flags.attach && !context.flags.interactive) {
      const engine = await context.connect();
      const failed: string[] = [];
      for (const vm of args) {
        try {
          await startVm({ engine, io }, { ...(await startParamsOf(engine, vm, io)), ...restored });
          io.stdout.write(`${vm}\n`);
        } catch (error) {
          io.stderr.write(`${describeError(error)}\n`);
          failed.push(vm);
        }
      }
      if (failed.length === 0) return 0;
      throw new CommandFailure(`Error: failed to start containers: ${failed.join(", ")}`);
    }

    if (name === undefined || second !== undefined) {
      throw new CommandFailure("you cannot start and attach multiple containers at once");
    }
    const detachKeys = detachKeysOf(context.flags["detach-keys"]);
    const engine = await context.connect();
    const vm = await engine.request(vmInspect, { vm: name });
    const outcome = await attachToVm(vm, {
      engine,
      io,
      name,
      stdin: context.flags.interactive,
      detachKeys,
      condition: vm.config.autoRemove ? "removed" : "next-exit",
      proxySignals: true,
      // A terminal's own signals reach the process as keys, and its end reaches only us.
      onHangup: vm.config.tty ? "leave" : "forward",
      async start() {
        const size = vm.config.tty ? terminalSize(io) : undefined;
        try {
          await startVm({ engine, io }, { ...startParams(vm, io), ...restored, ...size });
        } catch (error) {
          const code = startFailureCode(error);
          throw new CommandFailure(describeError(error), code === 125 ? 1 : code);
        }
      },
    });
    return outcome === "detached" ? 0 : outcome;
  },
});
