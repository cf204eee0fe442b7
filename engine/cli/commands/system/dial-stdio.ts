import { once } from "node:events";
import type { Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { defineCommand } from "../../command.ts";
import { connectDocker, connectRaw } from "../../connect.ts";
import type { InputStream } from "../../io.ts";

/**
 * What Mocker's own clients say begins so: `Content-Length`, `MOCKER-STREAM`. HTTP's methods that Docker's
 * clients use do not.
 */
const ownBeginnings = "CM";

/**
 * What `ssh HOST` runs for a client on another machine, see client/ssh-dialer.ts. Docker's clients run
 * `docker system dial-stdio` there, which may be this program by that name: what a client says first tells
 * which of the engine's sockets it means.
 */
export const dialStdio = defineCommand({
  summary: "Proxy the stdio stream to the engine's connection. Should not be invoked manually.",
  usage: "",
  arguments: { min: 0, max: 0 },
  flags: {},
  isHidden: true,
  async run({ io }) {
    const first = await firstBytes(io.stdin);
    const isOwn = first === undefined || ownBeginnings.includes(String.fromCharCode(first[0] ?? 0));
    const socket: Socket = await (isOwn ? connectRaw(io.env) : connectDocker(io.env));
    if (first !== undefined) socket.write(first);
    // Each direction ends by itself: a stream of the engine's is half open when its input has ended.
    const sent = pipeline(io.stdin, socket).catch(() => undefined);
    await pipeline(socket, io.stdout).catch(() => undefined);
    socket.destroy();
    void sent;
    return 0;
  },
});

/** undefined: the client has gone without a word. */
async function firstBytes(stdin: InputStream): Promise<Buffer | undefined> {
  for (;;) {
    const chunk: Buffer | null = stdin.read();
    if (chunk !== null) return chunk;
    if (stdin.readableEnded || stdin.destroyed) return undefined;
    await Promise.race([once(stdin, "readable"), once(stdin, "end"), once(stdin, "close")]);
  }
}
