/** What is told of an exec. */
export interface ExecFacts {
  id: string;
  state: "created" | "running" | "exited";
  /** In the guest. */
  pid: number;
  exitCode: number | undefined;
  config: {
    vmId: string;
    process: { argv: readonly string[]; tty: boolean; user: string; stdin: boolean };
    attach?: { stdout: boolean; stderr: boolean; detachKeys: string } | undefined;
    privileged?: boolean | undefined;
  };
}

/** An exec, as `GET /exec/{id}/json` shows it. */
export function execObject({ id, state, pid, exitCode, config }: ExecFacts): Record<string, unknown> {
  const { vmId, process, privileged = false, attach } = config;
  const { tty, user } = process;
  const [entrypoint = "", ...args] = process.argv;
  return {
    ID: id,
    Running: state === "running",
    ExitCode: exitCode ?? null,
    ProcessConfig: { tty, entrypoint, arguments: args, privileged, ...(user === "" ? {} : { user }) },
    OpenStdin: process.stdin,
    OpenStderr: attach?.stderr ?? true,
    OpenStdout: attach?.stdout ?? true,
    CanRemove: false,
    ContainerID: vmId,
    DetachKeys: attach?.detachKeys ?? "",
    Pid: pid,
  };
}
