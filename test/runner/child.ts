import { type ChildProcess, spawn } from "node:child_process";
import { rootDir } from "../support/paths.ts";
import { killQuietly } from "../support/processes.ts";
import { formatMs } from "./times.ts";

/**
 * Waits for the end of a child that leads a process group, and kills the group after `limitMs`. Returns what
 * went wrong, if anything; what `unfinished` returns is added when the time was over.
 */
export function ended(
  child: ChildProcess,
  limitMs: number,
  unfinished: () => string = () => "",
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let late: string | undefined;
    const timer = setTimeout(() => {
      late = `no end after ${formatMs(limitMs)}${unfinished()}`;
      killQuietly(-(child.pid ?? 0));
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, limitMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      resolve(error.message);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve(late ?? (code === 0 ? undefined : `ended with ${code ?? signal}`));
    });
  });
}

/** Runs a command in the checkout. Returns what went wrong, if anything, with all that it printed. */
export async function runCommand(
  program: string,
  args: string[],
  limitMs: number,
): Promise<string | undefined> {
  const child = spawn(program, args, { cwd: rootDir(), stdio: ["ignore", "pipe", "pipe"], detached: true });
  const output: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => output.push(data));
  child.stderr.on("data", (data: Buffer) => output.push(data));
  const problem = await ended(child, limitMs);
  return problem === undefined ? undefined : `${problem}\n${Buffer.concat(output).toString()}`;
}
