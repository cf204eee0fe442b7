import { spawn } from "node:child_process";
import { MockerError } from "../../../protocol/errors.ts";

const helperTimeoutMs = 30_000;

/**
 * Runs github.com/docker/docker-credential-helpers' protocol: `docker-credential-NAME ACTION`, a line on
 * standard input, what it says on standard output. undefined: "credentials not found", which is no error. The
 * input may be a secret: it is neither logged nor an argument, and the program's output is not quoted.
 *
 * @throws UNAUTHORIZED
 */
export function runHelper(
  name: string,
  action: "get" | "store" | "erase",
  input: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    throw new MockerError(
      "UNAUTHORIZED",
      `the credential helper "${name}" in Docker's config.json has no valid name`,
    );
  const program = `docker-credential-${name}`;
  return new Promise((resolve, reject) => {
    const child = spawn(program, [action], {
      env: environment,
      stdio: ["pipe", "pipe", "ignore"],
    });
    // Not spawn's own time limit: its timer outlives a program that cannot be started.
    const timer = setTimeout(() => child.kill("SIGKILL"), helperTimeoutMs);
    const settled = (): void => clearTimeout(timer);
    child.once("error", settled).once("close", settled);
    let output = "";
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (text: string) => {
      if (output.length < 1 << 20) output += text;
    });
    // A helper that does not read its input is not worth an error of its own.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.on("error", () =>
      reject(
        new MockerError("UNAUTHORIZED", `the credential helper ${program} cannot be started`, {
          hint: "Install it, or remove it from Docker's config.json and log in again.",
        }),
      ),
    );
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(output);
      if (/credentials not found/i.test(output)) return resolve(undefined);
      reject(
        new MockerError(
          "UNAUTHORIZED",
          `the credential helper ${program} failed (${signal ?? `exit status ${code}`})`,
          { hint: `Run "mocker login" again, or test the helper with: echo HOST | ${program} get` },
        ),
      );
    });
  });
}
