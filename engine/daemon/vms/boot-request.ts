import { asksForWeakJail } from "../../docker/run-options/security-options.ts";
import type { VmConfig } from "./records/vm-record.ts";
import type { HostMount } from "./runtimes/guest-mounts.ts";
import type { BootRequest } from "./runtimes/runtime.ts";

/** What a VM, or a helper machine beside it, is booted from. */
export function bootRequest(config: VmConfig, mounts: readonly HostMount[]): BootRequest {
  const { imageId, cpus, memoryMiB, network, hostIds = false } = config;
  const weakJail = asksForWeakJail(config.securityOpt);
  const storageSizeBytes = config.guest?.storageSizeBytes;
  return { imageId, cpus, memoryMiB, network, hostIds, weakJail, storageSizeBytes, mounts };
}
