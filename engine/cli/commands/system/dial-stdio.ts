import { pipeline } from "node:stream/promises";
import { defineCommand } from "../../command.ts";
import { connectRaw } from "../../connect.ts";

/** What `ssh HOST` runs for a client on another machine, see client/ssh-dialer.ts. */
export const dialStdio = defineCommand({
  summary: "Proxy the stdio stream to the engine's connection. Should not be invoked manually.",
  usage: "",
  arguments: { min: 0, max: 0 },
  flags: {},
  isHidden: true,
  async run({ io }) {
    const socket = await connectRaw(io.env);
    // Each direction ends by itself: a stream of the engine's is half open when its input has ended.
    const sent = pipeline(io.stdin, socket).catch(() => undefined);
    await pipeline(socket, io.stdout).catch(() => undefined);
    socket.destroy();
    void sent;
    return 0;
  },
});
