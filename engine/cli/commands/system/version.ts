import { goArchitecture, versionComponents, versionObject } from "../../../docker/api/info-object.ts";
import { engineInfo, protocolVersion } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { contextName } from "../../contexts/endpoint.ts";
import { stringFlag } from "../../flags.ts";
import { ObjectFormat, objectFormatHelp } from "../../output/list-format.ts";
import { clientVersion } from "../../version.ts";

const flags = { format: stringFlag("f", objectFormatHelp) } as const;

function section(title: string, rows: readonly [string, string][]): string {
  return `${title}:\n${rows.map(([name, value]) => ` ${`${name}:`.padEnd(19)}${value}\n`).join("")}`;
}

export const version = defineCommand({
  summary: "Show the Mocker version information",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const format = new ObjectFormat(flags.format);
    const client = {
      Version: clientVersion,
      ProtocolVersion: protocolVersion,
      NodeVersion: process.version,
      Os: process.platform,
      Arch: goArchitecture(process.arch),
      Context: contextName(io.env),
    };
    const rows: [string, string][] = [
      ["Version", client.Version],
      ["Protocol version", String(client.ProtocolVersion)],
      ["Node version", client.NodeVersion],
      ["OS/Arch", `${client.Os}/${client.Arch}`],
    ];
    const hasFormat = flags.format !== undefined && flags.format !== "";
    let server: Record<string, unknown> | null = null;
    let engineRows: [string, string][] = [];
    let failure: unknown;
    try {
      const info = await (await connect()).request0(engineInfo);
      server = versionObject({
        Platform: { Name: "Mocker" },
        Version: info.version,
        ProtocolVersion: info.protocolVersion,
        NodeVersion: info.nodeVersion,
        Os: process.platform,
        Arch: goArchitecture(info.architecture),
        KernelVersion: info.hostKernelVersion,
        Runtime: info.runtime,
        LibkrunVersion: info.libkrunVersion,
        GuestKernelVersion: info.guestKernelVersion,
      });
      server.Components = versionComponents(info, server);
      engineRows = [
        ["Version", info.version],
        ["Protocol version", String(info.protocolVersion)],
        ["Node version", info.nodeVersion],
        ["OS/Arch", `${server.Os}/${server.Arch}`],
        ["Kernel version", info.hostKernelVersion],
        ["Runtime", info.runtime],
        ["libkrun version", info.libkrunVersion ?? "not found"],
        ["Guest kernel", info.guestKernelVersion ?? "not found"],
      ];
    } catch (error) {
      failure = error;
    }
    // As Docker: what is known of the client is printed also when the engine does not answer.
    if (hasFormat) io.stdout.write(`${format.line({ Client: versionObject(client), Server: server })}\n`);
    else {
      io.stdout.write(section("Client", rows));
      if (failure === undefined) io.stdout.write(`\n${section("Engine", engineRows)}`);
    }
    if (failure !== undefined) throw failure;
    return 0;
  },
});
