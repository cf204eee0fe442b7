/** How much a process may be told, so that the guest agent and Linux take it. */
import { MockerError } from "../../protocol/errors.ts";

/** Linux's MAX_ARG_STRLEN, 32 pages, of which the NUL at the end takes one. */
const maxStringBytes = 131_071;
/** The guest agent takes messages of 1 MiB; the rest of a message is far shorter than the difference. */
const maxTotalBytes = 1_000_000;

/**
 * Checks the arguments and the environment (`NAME=value`) of a process.
 * @throws INVALID_ARGUMENT that names the limit
 */
export function checkProcessSize(argv: readonly string[], env: readonly string[]): void {
  for (const argument of argv) {
    check(`the argument "${argument.slice(0, 20)}…"`, Buffer.byteLength(argument), maxStringBytes);
  }
  for (const variable of env) {
    const name = variable.split("=", 1)[0] ?? "";
    check(`the environment variable ${name}`, Buffer.byteLength(variable), maxStringBytes);
  }
  // As it travels: characters that JSON escapes count as often as they are written there.
  const totalBytes = Buffer.byteLength(JSON.stringify([argv, env]));
  check("the command with its environment", totalBytes, maxTotalBytes);
}

function check(what: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new MockerError(
    "INVALID_ARGUMENT",
    `${what} is too long: ${bytes} bytes, at most ${maxBytes} may be`,
    {
      hint: "Put long text into a file, and give that to the container with --volume or mocker cp.",
    },
  );
}
