/** A command's connection to the engine. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { EngineClient } from "../client/engine-client.ts";
import { reachOrStart } from "../client/reach-engine.ts";
import { MockerError } from "../protocol/index.ts";
import { clientVersion } from "./version.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Connects to this user's engine, and starts the one beside this bundle, or $MOCKER_ENGINE, if none runs.
 * `timeoutMs` is for an engine's answer to the handshake, `engineEnv` the environment of one that is started,
 * by default `env`. Throws MockerError.
 */
export function connect(
  env: Environment,
  { timeoutMs, engineEnv = env }: { timeoutMs?: number; engineEnv?: Environment } = {},
): Promise<EngineClient> {
  const client = { name: "mocker", version: clientVersion };
  return reachOrStart({
    env,
    engineEnv,
    locate: () => locateEngine(env),
    connected: (socket, path) => EngineClient.open(socket, path, client, timeoutMs),
  });
}

function locateEngine(env: Environment): string {
  const path = env.MOCKER_ENGINE || join(__dirname, "engine.js");
  if (existsSync(path)) return path;
  throw new MockerError("ENGINE_UNREACHABLE", `the mocker engine did not start: ${path} does not exist`, {
    hint: "reinstall mocker, or set MOCKER_ENGINE to its engine.js",
  });
}
