import { vmInspect } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { attachToVm } from "../../terminal/main-process.ts";
import { detachKeysOf } from "../../terminal/process-session.ts";

const flags = {
  "detach-keys": stringFlag(undefined, "Override the key sequence for detaching a container"),
  "no-stdin": booleanFlag(undefined, "Do not attach STDIN"),
  "sig-proxy": booleanFlag(undefined, "Proxy all received signals to the process", true),
} as const;

export const attach = defineCommand({
  summary: "Attach local standard input, output, and error streams to a running container",
  usage: "[OPTIONS] CONTAINER",
  arguments: { min: 1, max: 1 },
  flags,
  async run(context) {
    const { io } = context;
    const name = context.args[0] ?? "";
    const detachKeys = detachKeysOf(context.flags["detach-keys"]);
    const engine = await context.connect();
    const vm = await engine.request(vmInspect, { vm: name });
    if (vm.state === "paused") {
      throw new CommandFailure("You cannot attach to a paused container, unpause it first");
    }
    if (vm.state !== "running") {
      throw new CommandFailure(
        `You cannot attach to a stopped container, start it first\nhint: mocker start -ai ${name}`,
      );
    }
    const outcome = await attachToVm(vm, {
      engine,
      io,
      name,
      stdin: !context.flags["no-stdin"],
      detachKeys,
      condition: "not-running",
      proxySignals: context.flags["sig-proxy"],
      // In Docker the process is PID 1, which no SIGHUP ends that it has not asked for; here it is not.
      onHangup: "leave",
    });
    // Docker's words and status for a detach from `attach`.
    if (outcome === "detached") throw new CommandFailure("read escape sequence");
    return outcome;
  },
});
