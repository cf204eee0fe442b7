/** What the user asks of a guest, checked, and as the guest agent is told of it. */
import { capabilityName, droppedCapabilities } from "../../docker/run-options/capabilities.ts";
import { humanSize } from "../../docker/sizes.ts";
import type { RuntimeName } from "../../protocol/engine.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { GuestOptions, Network } from "../../protocol/vm.ts";
import type { GuestConfiguration, GuestProcess } from "./machine/agent-protocol.ts";

const minimumStorageBytes = 64 * 1024 * 1024;

/**
 * What of Linux' settings is a namespace's, and not the whole kernel's: what Docker lets containers change.
 */
const ownSettings =
  /^(?:net\.|fs\.mqueue\.|kernel\.(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$)/;

/**
 * Checks what does not depend on the guest. @returns warnings, one line each
 * @throws INVALID_ARGUMENT in Docker's words, FEATURE_UNAVAILABLE
 */
export function checkGuestOptions(options: GuestOptions, runtime: RuntimeName, network: Network): string[] {
  const { capAdd = [], capDrop = [], oomScoreAdj = 0, shmSizeBytes = 0, storageSizeBytes } = options;
  for (const text of capAdd) capabilityName(text, "CapAdd");
  for (const text of capDrop) capabilityName(text, "CapDrop");
  if (oomScoreAdj < -1000 || oomScoreAdj > 1000)
    throw invalid(`Invalid value ${oomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  if (shmSizeBytes < 0) throw invalid("SHM size can not be less than 0");
  if (storageSizeBytes !== undefined && storageSizeBytes < minimumStorageBytes)
    throw invalid(`storage size of ${humanSize(storageSizeBytes)}: at least 64MiB are needed`);
  return runtime === "simulation" ? simulationWarnings(options, network) : [];
}

/** The simulation has the host's kernel, where less is a workload's own. @throws FEATURE_UNAVAILABLE */
function simulationWarnings(options: GuestOptions, network: Network): string[] {
  for (const name of Object.keys(options.sysctls ?? {})) {
    const isOwn = ownSettings.test(settingName(name));
    const isHostNetwork = network.mode === "tsi" && settingName(name).startsWith("net.");
    if (isOwn && !isHostNetwork) continue;
    throw new MockerError("FEATURE_UNAVAILABLE", `sysctl ${name} is the whole host's in the simulation`, {
      hint: "Leave it out, or run a microVM: it has a kernel of its own.",
    });
  }
  const without = {
    "--cap-add": (options.capAdd ?? []).length > 0 || options.privileged === true,
    "--pids-limit": (options.pidsLimit ?? 0) > 0,
    "--storage-opt": options.storageSizeBytes !== undefined,
  };
  return Object.entries(without).flatMap(([flag, isAsked]) =>
    isAsked ? [`${flag} has no effect in the simulation, whose kernel is the host's`] : [],
  );
}

/** `net.ipv4.ip_forward` however its parts are divided. */
function settingName(name: string): string {
  return name.replaceAll("/", ".");
}

/** The part of `configure`. */
export function guestLimits(
  options: GuestOptions = {},
): Pick<GuestConfiguration, "readOnlyRoot" | "shmSizeBytes" | "sysctls" | "pidsLimit"> {
  const { readOnly, shmSizeBytes = 0, sysctls = {}, pidsLimit = 0 } = options;
  return {
    ...(readOnly ? { readOnlyRoot: true } : {}),
    ...(shmSizeBytes > 0 ? { shmSizeBytes } : {}),
    ...(Object.keys(sysctls).length > 0 ? { sysctls } : {}),
    ...(pidsLimit > 0 ? { pidsLimit } : {}),
  };
}

/** The part of `start` and `exec`; `privileged` is of an exec that is asked to be. */
export function processPrivileges(
  options: GuestOptions = {},
  privileged = options.privileged,
): Pick<GuestProcess, "rlimits" | "groups" | "dropCapabilities" | "oomScoreAdj"> {
  const { ulimits = [], groupAdd = [], capAdd = [], capDrop = [], oomScoreAdj = 0 } = options;
  const dropped = privileged ? [] : droppedCapabilities(capAdd, capDrop);
  return {
    ...(ulimits.length > 0 ? { rlimits: ulimits } : {}),
    ...(groupAdd.length > 0 ? { groups: groupAdd } : {}),
    ...(dropped.length > 0 ? { dropCapabilities: dropped } : {}),
    ...(oomScoreAdj !== 0 ? { oomScoreAdj } : {}),
  };
}

function invalid(message: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message);
}
