/** What of `vm/create` a VM's policies and its guest are made of. */
import * as v from "valibot";
import { finiteNumber, labels, strings } from "./schema.ts";

/** What happens when a VM's main process has ended. `maximumRetryCount` is of `on-failure`; 0: no limit. */
export const RestartPolicy = v.object({
  name: v.picklist(["no", "always", "on-failure", "unless-stopped"]),
  maximumRetryCount: finiteNumber,
});
export type RestartPolicy = v.InferOutput<typeof RestartPolicy>;

/** Docker's HealthConfig. Absent members are the image's, then Docker's defaults. */
export const Healthcheck = v.object({
  /** `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", script]`. */
  test: v.exactOptional(strings),
  intervalMs: v.exactOptional(finiteNumber),
  timeoutMs: v.exactOptional(finiteNumber),
  startPeriodMs: v.exactOptional(finiteNumber),
  /** Instead of `intervalMs` during the start period, until the check succeeds. */
  startIntervalMs: v.exactOptional(finiteNumber),
  /** Failures in a row that make a VM unhealthy. */
  retries: v.exactOptional(finiteNumber),
});
export type Healthcheck = v.InferOutput<typeof Healthcheck>;

/** A resource limit of every process, by its name without `RLIMIT_`; -1 is unlimited. */
export const Ulimit = v.object({ name: v.string(), soft: finiteNumber, hard: finiteNumber });
export type Ulimit = v.InferOutput<typeof Ulimit>;

/** How the guest is made. Absent: as the guest kernel has it. */
export const GuestOptions = v.object({
  /** Docker's word for all of what a VM's root may do anyway: `capDrop` counts no more. */
  privileged: v.exactOptional(v.boolean()),
  /** The guest agent is an init in any case. */
  init: v.exactOptional(v.boolean()),
  /** The root file system cannot be written; volumes and what is mounted in it can. */
  readOnly: v.exactOptional(v.boolean()),
  shmSizeBytes: v.exactOptional(finiteNumber),
  ulimits: v.exactOptional(v.array(Ulimit)),
  sysctls: v.exactOptional(labels),
  /** Further groups of every process, by name or number. */
  groupAdd: v.exactOptional(strings),
  /** `NET_ADMIN`, `CAP_NET_ADMIN`, `ALL`. */
  capAdd: v.exactOptional(strings),
  capDrop: v.exactOptional(strings),
  /** Of processes and threads; not positive: no limit. */
  pidsLimit: v.exactOptional(finiteNumber),
  oomScoreAdj: v.exactOptional(finiteNumber),
  /** Of what the VM writes outside of volumes. */
  storageSizeBytes: v.exactOptional(finiteNumber),
});
export type GuestOptions = v.InferOutput<typeof GuestOptions>;
