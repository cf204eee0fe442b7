import { type VmLogsParams, vmLogs } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { acceptedFlag, booleanFlag, stringFlag } from "../../flags.ts";
import type { Io } from "../../io.ts";
import { interruptedCode } from "../../terminal/interruptible.ts";
import { brokenPipeCode, hangupCode } from "../../terminal/main-process.ts";
import { pumpStream } from "../../terminal/pump-stream.ts";

const flags = {
  details: acceptedFlag(
    booleanFlag(undefined, "Show extra details provided to logs"),
    "logs have nothing but what was printed",
  ),
  follow: booleanFlag("f", "Follow log output"),
  since: stringFlag(
    undefined,
    'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
  ),
  tail: stringFlag("n", "Number of lines to show from the end of the logs", "all"),
  timestamps: booleanFlag("t", "Show timestamps"),
  until: stringFlag(
    undefined,
    'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
  ),
} as const;

/** `signalled` resolves at a Ctrl-C. */
function interruption(io: Io): { signalled: Promise<"interrupted">; forget: () => void } {
  let forget = (): void => undefined;
  const signalled = new Promise<"interrupted">((resolve) => {
    forget = io.onSignal("SIGINT", () => resolve("interrupted"));
  });
  return { signalled, forget: () => forget() };
}

export const logs = defineCommand({
  summary: "Fetch the logs of a container",
  usage: "[OPTIONS] CONTAINER",
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const { follow, timestamps } = flags;
    const params: VmLogsParams = { vm: args[0] ?? "", follow, timestamps };
    // As in Docker, what is no number means all.
    if (flags.tail !== undefined && /^[0-9]+$/.test(flags.tail)) params.tail = Number(flags.tail);
    if (flags.since) params.since = flags.since;
    if (flags.until) params.until = flags.until;
    const engine = await connect();
    const { stream, tty, warnings } = await engine.request(vmLogs, params);
    for (const warning of warnings) io.stderr.write(`WARNING: ${warning}\n`);
    const socket = await engine.openStream(stream);
    const out = { stdout: io.stdout, stderr: tty ? io.stdout : io.stderr };
    // A shell would drop what follows a command that dies of the signal.
    const { signalled, forget } = interruption(io);
    const end = await Promise.race([pumpStream(socket, out), signalled]).finally(forget);
    if (end === "interrupted") {
      socket.destroy();
      return interruptedCode;
    }
    if (end.kind === "hung-up") return hangupCode;
    return end.kind === "output-closed" ? brokenPipeCode : 0;
  },
});
