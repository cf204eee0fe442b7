import { comparePorts, hostAndPort, parsePort } from "../../../docker/ports.ts";
import { vmInspect } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";

export const port = defineCommand({
  summary: "List port mappings or a specific mapping for the container",
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  arguments: { min: 1, max: 2, isRange: true },
  flags: {},
  async run({ args: [vm = "", wanted], io, connect }) {
    const { ports } = await (await connect()).request(vmInspect, { vm });
    const published = [...ports]
      .sort(comparePorts)
      .flatMap(({ host, guestPort, protocol }) =>
        host ? [{ guest: `${guestPort}/${protocol}`, host: hostAndPort(host) }] : [],
      );
    if (wanted === undefined) {
      // Docker sorts the lines as texts.
      const lines = published.map(({ guest, host }) => `${guest} -> ${host}\n`);
      io.stdout.write(lines.sort().join(""));
      return 0;
    }
    const parsed = parsePort(wanted);
    const found = published.filter(
      ({ guest }) => parsed !== undefined && guest === `${parsed.guestPort}/${parsed.protocol}`,
    );
    if (found.length === 0) throw new CommandFailure(`Error: No public port '${wanted}' published for ${vm}`);
    io.stdout.write(found.map(({ host }) => `${host}\n`).join(""));
    return 0;
  },
});
