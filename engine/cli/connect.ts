/** A command's connection to the engine. */
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { dirname, join } from "node:path";
import type { Endpoint, SshEndpoint } from "../client/endpoint.ts";
import { EngineClient } from "../client/engine-client.ts";
import { dial } from "../client/engine-socket.ts";
import { EngineUnreachable } from "../client/errors.ts";
import { reachOrStart } from "../client/reach-engine.ts";
import { dockerSocketName, dockerSocketPath } from "../common/paths.ts";
import { MockerError } from "../protocol/index.ts";
import { endpointOf } from "./contexts/endpoint.ts";
import { clientVersion } from "./version.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface ConnectOptions {
  /** For an engine's answer to the handshake. */
  timeoutMs?: number;
  /** Of an engine that is started; default: `env`. */
  engineEnv?: Environment;
}

/** The handshake with another machine's engine waits for a user who types a password. */
const remoteTimeoutMs = 120_000;

const client = { name: "mocker", version: clientVersion };

/**
 * Connects to the engine that `env` means: this user's own, which is the one beside this bundle, or
 * $MOCKER_ENGINE, and is started if none runs; or another one. Throws MockerError.
 */
export async function connect(env: Environment, options: ConnectOptions = {}): Promise<EngineClient> {
  const endpoint = endpointOf(env);
  if (endpoint.kind === "ssh") return await connectBySsh(endpoint, env);
  const { timeoutMs } = options;
  return await reach(env, endpoint, options.engineEnv, (socket, path) =>
    EngineClient.open(socket, path, client, timeoutMs),
  );
}

/** The same without a handshake, for who speaks to the engine himself. */
export async function connectRaw(env: Environment): Promise<Socket> {
  const endpoint = endpointOf(env);
  if (endpoint.kind !== "ssh") return await reach(env, endpoint, env, async (socket) => socket);
  const { SshDialer } = await import("../client/ssh-dialer.ts");
  return new SshDialer(endpoint, env).dial();
}

/**
 * The same to the socket for Docker's clients, of an engine that is started where that may be. Another
 * machine's program finds its own, see commands/system/dial-stdio.ts.
 */
export async function connectDocker(env: Environment): Promise<Socket> {
  const endpoint = endpointOf(env);
  if (endpoint.kind === "ssh") return await connectRaw(env);
  const path =
    endpoint.kind === "own" ? dockerSocketPath(env) : join(dirname(endpoint.path), dockerSocketName);
  // Held until Docker's is there: the engine must not end in between.
  const engine = await connectRaw(env);
  try {
    const socket = await dial(path);
    if (socket !== undefined) return socket;
  } finally {
    engine.destroy();
  }
  throw new EngineUnreachable(
    { kind: "connect", path, why: "no engine listens there" },
    `cannot connect to the mocker engine at ${path}: no engine listens there`,
    { hint: "The engine that runs is of an older version: end it, and the next command starts the new one." },
  );
}

async function reach<T>(
  env: Environment,
  endpoint: Exclude<Endpoint, SshEndpoint>,
  engineEnv: Environment | undefined,
  connected: (socket: Socket, path: string) => Promise<T>,
): Promise<T> {
  if (endpoint.kind === "own")
    return await reachOrStart({
      env,
      engineEnv: engineEnv ?? env,
      locate: () => locateEngine(env),
      connected,
    });
  const { path, url } = endpoint;
  const socket = await dial(path);
  if (socket === undefined) {
    throw new EngineUnreachable(
      { kind: "connect", path, why: "no engine listens there" },
      `cannot connect to the mocker engine at ${url}: no engine listens there`,
      { hint: "Only your own engine is started by its commands: leave --host and MOCKER_HOST out for that." },
    );
  }
  return await connected(socket, path);
}

async function connectBySsh(endpoint: SshEndpoint, env: Environment): Promise<EngineClient> {
  const { SshDialer } = await import("../client/ssh-dialer.ts");
  const dialer = new SshDialer(endpoint, env);
  const open = async (): Promise<Socket> => dialer.dial();
  try {
    return await EngineClient.open(await open(), endpoint.url, client, remoteTimeoutMs, open);
  } catch (error) {
    if (error instanceof EngineUnreachable && error.reason.kind === "lost") throw await dialer.failure(error);
    throw error;
  }
}

function locateEngine(env: Environment): string {
  const path = env.MOCKER_ENGINE || join(__dirname, "engine.js");
  if (existsSync(path)) return path;
  throw new MockerError("ENGINE_UNREACHABLE", `the mocker engine did not start: ${path} does not exist`, {
    hint: "reinstall mocker, or set MOCKER_ENGINE to its engine.js",
  });
}
