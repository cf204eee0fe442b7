import { registryLogout } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { describeError } from "../../errors.ts";
import { dockerConfigOf } from "../image/pull-image.ts";

export const logout = defineCommand({
  summary: "Log out from a registry",
  usage: "[SERVER]",
  arguments: { min: 0, max: 1 },
  flags: {},
  async run({ args, io, connect }) {
    const typed = args[0] ?? "";
    const server = typed.replace(/^https?:\/\//, "").replace(/\/.*$/, "") || "https://index.docker.io/v1/";
    const engine = await connect();
    io.stdout.write(`Removing login credentials for ${server}\n`);
    try {
      await engine.request(registryLogout, { server: typed, ...dockerConfigOf(io) });
    } catch (error) {
      io.stderr.write(`WARNING: could not erase credentials:\n${describeError(error)}\n`);
    }
    return 0;
  },
});
