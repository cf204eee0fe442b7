import type { VmStats } from "../../../protocol/vm.ts";
import type { Machine, MachineStats } from "../machine/machine.ts";
import type { VmConfig } from "../records/vm-record.ts";

const nothing: MachineStats = {
  memoryUsedBytes: 0,
  processes: 0,
  threads: 0,
  cpuUs: 0,
  networkReceivedBytes: 0,
  networkSentBytes: 0,
  blockReadBytes: 0,
  blockWrittenBytes: 0,
};

/** What guests said last: a paused one says nothing. */
const latest = new WeakMap<Machine, MachineStats>();

/**
 * What a VM uses, by its guest agent and by the host.
 * @param machine undefined while it does not run
 * @throws AGENT_UNREACHABLE
 */
export async function statsOf(
  config: VmConfig,
  machine: Machine | undefined,
  isPaused: boolean,
): Promise<VmStats> {
  const { id, name } = config;
  if (!machine) return { ...sample(config, nothing), id, name, running: false, cpus: 0, memoryLimitBytes: 0 };
  const guest = isPaused ? latest.get(machine) : await machine.stats();
  if (guest) latest.set(machine, guest);
  const host = await machine.hostUsage();
  const stats = sample(config, guest ?? nothing);
  // A guest may say anything of its CPUs; the simulation's processes are none of its first one's.
  if (config.runtime === "simulation" || !host) return stats;
  return { ...stats, cpuMs: host.cpuMs, hostMemoryBytes: host.residentBytes };
}

function sample(config: VmConfig, guest: MachineStats): VmStats {
  // Its cards are the host's: what they carry is not the VM's.
  const hasOwnCards = !(config.runtime === "simulation" && config.network.mode === "tsi");
  return {
    id: config.id,
    name: config.name,
    running: true,
    readAtMs: performance.now(),
    cpuMs: guest.cpuUs / 1000,
    cpus: config.cpus,
    memoryUsedBytes: guest.memoryUsedBytes,
    memoryLimitBytes: config.memoryMiB * 1024 * 1024,
    hostMemoryBytes: guest.memoryUsedBytes,
    networkReceivedBytes: hasOwnCards ? guest.networkReceivedBytes : 0,
    networkSentBytes: hasOwnCards ? guest.networkSentBytes : 0,
    blockReadBytes: guest.blockReadBytes,
    blockWrittenBytes: guest.blockWrittenBytes,
    // Older agents count no threads.
    pids: Math.max(guest.threads, guest.processes),
  };
}
