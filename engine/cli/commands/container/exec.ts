import { execResize, type VmExecParams, vmExec } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { describeError, execFailureCode } from "../../errors.ts";
import { booleanFlag, listFlag, stringFlag, textListFlag } from "../../flags.ts";
import { brokenPipeCode, hangupCode } from "../../terminal/main-process.ts";
import { detachKeysOf, lostStream, openSession, requireTerminal } from "../../terminal/process-session.ts";
import { terminalSize } from "../../terminal/terminal.ts";
import { checkVariable, collectVariables } from "./options/env-file.ts";

const flags = {
  detach: booleanFlag("d", "Detached mode: run command in the background"),
  "detach-keys": stringFlag(undefined, "Override the key sequence for detaching a container"),
  env: listFlag("e", "list", "Set environment variables", checkVariable),
  "env-file": textListFlag(undefined, "Read in a file of environment variables"),
  interactive: booleanFlag("i", "Keep STDIN open even if not attached"),
  privileged: booleanFlag(undefined, "Give extended privileges to the command"),
  tty: booleanFlag("t", "Allocate a pseudo-TTY"),
  user: stringFlag("u", 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
  workdir: stringFlag("w", "Working directory inside the container"),
} as const;

export const exec = defineCommand({
  summary: "Execute a command in a running container",
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  arguments: { min: 2, max: Number.POSITIVE_INFINITY },
  flags,
  stopAtFirstArgument: true,
  async run(context) {
    const { io } = context;
    const { detach, interactive, tty, user, workdir } = context.flags;
    const [vm = "", ...command] = context.args;
    const stdin = interactive && !detach;
    const detachKeys = detachKeysOf(context.flags["detach-keys"]);
    const env = collectVariables(context.flags["env-file"], context.flags.env, io.env);
    if (!detach) requireTerminal(io, tty, stdin);
    const params: VmExecParams = { vm, command, tty, openStdin: stdin, detach };
    if (env.length > 0) params.env = env;
    if (user) params.user = user;
    if (context.flags.privileged) params.privileged = true;
    if (workdir) params.workingDir = workdir;
    if (tty) Object.assign(params, terminalSize(io));

    const engine = await context.connect();
    const {
      execId,
      stream,
      missingSecrets = [],
    } = await engine.request(vmExec, params).catch((error: unknown) => {
      // Of one that nobody waits for, Docker tells no more than that.
      throw new CommandFailure(describeError(error), detach ? 1 : execFailureCode(error));
    });
    for (const name of missingSecrets) {
      io.stderr.write(
        `WARNING: this process has no ${name}: the engine that knew the secret has ended (give it with: -e ${name})\n`,
      );
    }
    if (detach || stream === undefined) return 0;
    const session = openSession({
      io,
      socket: await engine.openStream(stream),
      tty,
      stdin,
      detachKeys,
      resize: (size) => engine.request(execResize, { vm, execId, ...size }),
    });
    session.started();
    const end = await session.end;
    switch (end.kind) {
      case "exit":
        return end.exitCode;
      case "detached":
        throw new CommandFailure("read escape sequence");
      case "output-closed":
        return brokenPipeCode;
      case "hung-up":
        return hangupCode;
      case "closed":
        throw lostStream(vm);
    }
  },
});
