/** The first request on a connection: whether the engine answers, and speaks our protocol. */
import type { Socket } from "node:net";
import { type InitializeParams, type InitializeResult, protocolVersion } from "../protocol/index.ts";
import { asMockerError, EngineUnreachable } from "./errors.ts";

/** An engine that is merely busy answers within this. */
export const handshakeTimeoutMs = 10_000;

export interface Client {
  /** For the engine's log. */
  name: string;
  version: string;
}

/** Parameters of `initialize`. */
export function initializeParams(client: Client): InitializeParams {
  return { protocolVersion, client: { name: client.name, version: client.version } };
}

/**
 * Checks the answer that `ask` gets to `initialize` on `socket`, and closes that unless it is the right one.
 * Throws MockerError: EngineUnreachable of the kinds "handshake", "protocol" and "lost", or the engine's own.
 */
export async function shakeHands(
  socket: Socket,
  path: string,
  client: Client,
  ask: () => Promise<InitializeResult>,
  timeoutMs = handshakeTimeoutMs,
): Promise<InitializeResult> {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    socket.destroy();
  }, timeoutMs);
  try {
    const result = await ask();
    if (result.protocolVersion !== protocolVersion) throw otherProtocol(result, client);
    return result;
  } catch (error) {
    socket.destroy();
    if (timedOut) {
      const seconds = timeoutMs / 1000;
      throw new EngineUnreachable(
        { kind: "handshake", path, seconds },
        `the mocker engine at ${path} does not answer within ${seconds} s`,
        { hint: "end its process (VMs go on running); the next command starts a new engine" },
      );
    }
    const failure = asMockerError(error);
    // The engine refuses clients of another protocol.
    if (failure.code !== "INVALID_ARGUMENT") throw failure;
    throw new EngineUnreachable({ kind: "protocol" }, failure.message, { hint: failure.hint, cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function otherProtocol(
  { engine, protocolVersion: theirs }: InitializeResult,
  client: Client,
): EngineUnreachable {
  return new EngineUnreachable(
    { kind: "protocol" },
    `the running mocker engine (${engine.version}, process ${engine.pid}) speaks protocol ${theirs}, this command (${client.version}) protocol ${protocolVersion}`,
    {
      hint: `restart the engine: kill ${engine.pid}; VMs go on running and the next command starts a new engine`,
    },
  );
}
