import { parseRestartPolicy } from "../../../docker/run-options/restart-policy.ts";
import { unchangeable } from "../../../docker/run-options/unchangeable.ts";
import { parseMemory } from "../../../docker/sizes.ts";
import { type VmUpdateParams, vmUpdate } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { type Flag, stringFlag, valueFlag } from "../../flags.ts";
import { eachTarget } from "../each-target.ts";
import { parseCpus } from "./options/create-flags.ts";

/** Docker's, for whose value there is nothing to be changed here. */
function refused(why: string, short?: string): Flag<undefined> {
  const parse = (): never => {
    throw new Error(why);
  };
  return { ...valueFlag<undefined>(short, "string", "", parse), isHidden: true };
}

const flags = {
  "blkio-weight": refused(unchangeable.disks),
  "cpu-period": refused(unchangeable.cpus),
  "cpu-quota": refused(unchangeable.cpus),
  "cpu-rt-period": refused(unchangeable.cpus),
  "cpu-rt-runtime": refused(unchangeable.cpus),
  "cpu-shares": refused(unchangeable.cpus, "c"),
  cpus: valueFlag(undefined, "decimal", "Number of CPUs", parseCpus),
  "cpuset-cpus": refused(unchangeable.placement),
  "cpuset-mems": refused(unchangeable.placement),
  "kernel-memory": refused(unchangeable.memory),
  memory: valueFlag("m", "bytes", "Memory limit", parseMemory),
  "memory-reservation": refused(unchangeable.memory),
  "memory-swap": refused(unchangeable.memory),
  "pids-limit": refused(unchangeable.processes),
  restart: stringFlag(undefined, "Restart policy to apply when a container exits"),
} as const;

const mebibyte = 1024 * 1024;

export const update = defineCommand({
  summary: "Update configuration of one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run({ args, flags, given, io, connect }) {
    if (given.size === 0)
      throw new CommandFailure("you must provide one or more flags when using this command");
    const change: Omit<VmUpdateParams, "vm"> = {};
    // As in Docker, 0 says nothing.
    if (flags.cpus) {
      change.cpus = Math.ceil(flags.cpus);
      if (change.cpus !== flags.cpus) {
        io.stderr.write(`WARNING: --cpus ${flags.cpus}: a VM has whole CPUs, it gets ${change.cpus}\n`);
      }
    }
    if (flags.restart) change.restart = parseRestartPolicy(flags.restart);
    if (flags.memory) change.memoryMiB = Math.ceil(flags.memory / mebibyte);
    const engine = await connect();
    return eachTarget(io, args, async (vm) => {
      await engine.request(vmUpdate, { vm, ...change });
      return vm;
    });
  },
});
