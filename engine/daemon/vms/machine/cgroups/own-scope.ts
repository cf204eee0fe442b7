import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const timeoutMs = 5000;
const attempts = 100;

/**
 * Asks the user's systemd for a scope of this process's own whose cgroup is delegated
 * (org.freedesktop.systemd1(5), StartTransientUnit), as a program in a terminal shares its cgroup with a
 * shell.
 * @returns whether this process is in one now
 */
export async function enterOwnScope(
  run: (program: string, args: string[]) => Promise<unknown> = (program, args) =>
    promisify(execFile)(program, args, { timeout: timeoutMs }),
  { runtimeDir = process.env.XDG_RUNTIME_DIR, cgroupPath = "/proc/self/cgroup" } = {},
): Promise<boolean> {
  if (runtimeDir === undefined || !existsSync(join(runtimeDir, "systemd", "private"))) return false;
  const scope = `mocker-engine-${process.pid}.scope`;
  const manager = [
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
  ];
  const properties = [
    ...["PIDs", "au", "1", String(process.pid)],
    ...["Delegate", "b", "true"],
    ...["CollectMode", "s", "inactive-or-failed"],
  ];
  const call = ["--user", "--quiet", "call", ...manager, "StartTransientUnit", "ssa(sv)a(sa(sv))"];
  try {
    await run("busctl", [...call, scope, "fail", "3", ...properties, "0"]);
  } catch {
    return false;
  }
  // It has answered with a job that is still to be done.
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (readFileSync(cgroupPath, "utf8").trimEnd().endsWith(`/${scope}`)) return true;
    await sleep(20);
  }
  return false;
}
