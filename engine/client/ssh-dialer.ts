/** Connections to an engine of another machine, as Docker makes them: `ssh HOST mocker system dial-stdio`. */
import { spawn } from "node:child_process";
import { Socket } from "node:net";
import type { SshEndpoint } from "./endpoint.ts";
import { EngineUnreachable } from "./errors.ts";

const connectSeconds = 30;
const maxWordsBytes = 16 * 1024;
/** Of a shell that does not find a command (POSIX, "Exit Status for Commands"). */
const notFoundStatus = 127;

export class SshDialer {
  readonly #endpoint: SshEndpoint;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #words = "";
  #ended: Promise<number | null> = Promise.resolve(null);

  /** `env`: of ssh. */
  constructor(endpoint: SshEndpoint, env: Readonly<Record<string, string | undefined>>) {
    this.#endpoint = endpoint;
    this.#env = env;
  }

  /**
   * A connection to the engine, which is started there if need be. It is there before ssh is: what ssh fails
   * with is its end, see {@link failure}.
   */
  dial(): Socket {
    // One socket for both of ssh's: Node makes a pair for each descriptor from 3 on.
    const argv = ["-c", 'exec "$@" <&3 >&3 3>&-', "sh", "ssh", ...sshArguments(this.#endpoint)];
    const child = spawn("/bin/sh", argv, {
      env: { ...this.#env },
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    const socket = child.stdio[3];
    if (!(socket instanceof Socket)) throw new Error("no connection to the process of ssh");
    // Streams end one way first.
    socket.allowHalfOpen = true;
    this.#words = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#words = (this.#words + chunk.toString("utf8")).slice(-maxWordsBytes);
    });
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#words = error.message;
        socket.destroy();
      });
      child.once("close", (code) => resolve(code));
    });
    child.unref();
    return socket;
  }

  /** Why the connection that was made last has ended before the engine has answered. */
  async failure(cause: unknown): Promise<EngineUnreachable> {
    const status = await this.#ended;
    const { url, host } = this.#endpoint;
    const words = this.#words.trim();
    const why = words === "" ? `ssh ended with status ${status}` : words;
    const hint =
      status === notFoundStatus
        ? `Install mocker on ${host}, where shells that are not interactive find it: ssh ${host} mocker version`
        : `Try: ssh ${host} mocker version`;
    return new EngineUnreachable(
      { kind: "connect", path: url, why },
      `cannot connect to the mocker engine of ${host}: ${why}`,
      { hint, cause },
    );
  }
}

function sshArguments({ host, user, port, path }: SshEndpoint): string[] {
  // The other side's shell reads it.
  const quoted = path === undefined ? undefined : `'unix://${path.replaceAll("'", `'\\''`)}'`;
  // Whichever engine is used there by default: that may be ours, and so on in a circle.
  const which = quoted === undefined ? ["--context", "default"] : ["--host", quoted];
  return [
    ...["-o", `ConnectTimeout=${connectSeconds}`, "-T"],
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", port]),
    ...["--", host, "mocker", ...which, "system", "dial-stdio"],
  ];
}
