/** The body of `POST /containers/{id}/update`. */
import * as v from "valibot";
import type { VmUpdateParams } from "../../protocol/vm.ts";
import { unchangeable } from "../run-options/unchangeable.ts";
import { RestartPolicy, resources } from "./container-body.ts";
import { sizeParams } from "./container-limits.ts";
import { restartPolicy } from "./container-params.ts";
import { unavailable } from "./invalid.ts";

export const UpdateBody = v.object({ ...resources, RestartPolicy: v.nullish(RestartPolicy) });
export type UpdateBody = v.InferOutput<typeof UpdateBody>;

const refused = {
  BlkioWeight: unchangeable.disks,
  CpuPeriod: unchangeable.cpus,
  CpuQuota: unchangeable.cpus,
  CpuRealtimePeriod: unchangeable.cpus,
  CpuRealtimeRuntime: unchangeable.cpus,
  CpuShares: unchangeable.cpus,
  CpusetCpus: unchangeable.placement,
  CpusetMems: unchangeable.placement,
  MemoryReservation: unchangeable.memory,
  MemorySwap: unchangeable.memory,
  PidsLimit: unchangeable.processes,
} as const satisfies Partial<Record<keyof UpdateBody, string>>;

/**
 * What `vm/update` is to be asked; as in Docker, 0 and what is empty say nothing.
 * @throws INVALID_ARGUMENT in dockerd's words; FEATURE_UNAVAILABLE for what cannot be changed
 */
export function updateParams(body: UpdateBody): {
  params: Omit<VmUpdateParams, "vm">;
  warnings: string[];
} {
  for (const key of Object.keys(refused) as (keyof typeof refused)[]) {
    if (body[key]) throw unavailable(key, refused[key]);
  }
  const { params, warnings } = sizeParams(body);
  const restart = body.RestartPolicy?.Name ? restartPolicy(body.RestartPolicy) : undefined;
  return { params: { ...params, ...(restart === undefined ? {} : { restart }) }, warnings };
}
