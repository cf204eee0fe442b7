import { vmInspect } from "../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../command.ts";
import { booleanFlag, stringFlag } from "../flags.ts";
import { attendMainProcess } from "../main-process.ts";
import { detachKeysOf, requireTerminal } from "../session.ts";

const flags = {
  "detach-keys": stringFlag(undefined, "Override the key sequence for detaching a container"),
  "no-stdin": booleanFlag(undefined, "Do not attach STDIN"),
  "sig-proxy": booleanFlag(undefined, "Proxy all received signals to the process", true),
} as const;

export const attach = defineCommand({
  summary: "Attach local standard input, output, and error streams to a running container",
  usage: "[OPTIONS] CONTAINER",
  aliases: ["container attach", "attach"],
  arguments: { min: 1, max: 1 },
  flags,
  async run(context) {
    const { io } = context;
    const name = context.args[0] ?? "";
    const detachKeys = detachKeysOf(context.flags["detach-keys"]);
    const engine = await context.connect();
    const { id, config, state } = await engine.request(vmInspect, { vm: name });
    if (state === "paused") {
      throw new CommandFailure("mocker: cannot attach to a paused container, unpause it first");
    }
    if (state !== "running") {
      throw new CommandFailure(
        `mocker: cannot attach to a stopped container, start it first\nhint: mocker start -ai ${name}`,
      );
    }
    const { tty } = config;
    const stdin = config.openStdin && !context.flags["no-stdin"];
    requireTerminal(io, tty, stdin);
    const outcome = await attendMainProcess({
      engine,
      io,
      id,
      name,
      tty,
      stdin,
      stdout: true,
      stderr: true,
      detachKeys,
      condition: "not-running",
      proxySignals: context.flags["sig-proxy"] && !tty,
    });
    // Docker's words and status for a detach from `attach`.
    if (outcome === "detached") throw new CommandFailure("read escape sequence");
    return outcome;
  },
});
