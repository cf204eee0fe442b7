import { hostname } from "node:os";
import { goArchitecture, infoObject } from "../../../docker/api/info-object.ts";
import { humanDuration } from "../../../docker/durations.ts";
import { binarySize } from "../../../docker/sizes.ts";
import { type EngineInfo, engineInfo } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { contextName } from "../../contexts/endpoint.ts";
import { stringFlag } from "../../flags.ts";
import { ObjectFormat, objectFormatHelp } from "../../output/list-format.ts";
import { clientVersion } from "../../version.ts";

const flags = { format: stringFlag("f", objectFormatHelp) } as const;

function engineText(info: EngineInfo): string {
  const runtime =
    info.simulationReason === undefined ? info.runtime : `${info.runtime} (${info.simulationReason})`;
  return `Engine:
 VMs: ${info.vms.total}
  Running: ${info.vms.running}
  Paused: ${info.vms.paused}
  Stopped: ${info.vms.total - info.vms.running}
  Weakly Jailed: ${info.vms.weaklyJailed}
 Images: ${info.images}
 Engine Version: ${info.version}
 Engine Process: ${info.enginePid} (up ${humanDuration(info.uptimeSeconds * 1000)}, ${info.engineRssMiB}MiB)
 Runtime: ${runtime}
 libkrun: ${info.libkrunVersion ?? "not found"}${info.libkrunPath === null ? "" : ` (${info.libkrunPath})`}
 Guest Kernel: ${info.guestKernelVersion ?? "not found"}
 Kernel Version: ${info.hostKernelVersion}
 Node Version: ${info.nodeVersion}
 Architecture: ${info.architecture}
 CPUs: ${info.cpus}
 Total Memory: ${binarySize(info.memoryMiB * 1024 * 1024)}
 Mocker Data Dir: ${info.dataDir}
 Socket: ${info.socketPath}
 Docker Socket: ${info.dockerSocket}
`;
}

export const info = defineCommand({
  summary: "Display system-wide information",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const format = new ObjectFormat(flags.format);
    const hasFormat = flags.format !== undefined && flags.format !== "";
    if (!hasFormat) io.stdout.write(`Client:\n Version:    ${clientVersion}\n\n`);
    const engine = await connect();
    const result = await engine.request0(engineInfo);
    const client = {
      version: clientVersion,
      os: process.platform,
      arch: goArchitecture(process.arch),
      context: contextName(io.env),
    };
    const object = infoObject(result, { hostName: hostname(), now: new Date(), client });
    io.stdout.write(hasFormat ? `${format.line(object)}\n` : engineText(result));
    return 0;
  },
});
