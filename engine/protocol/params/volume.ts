import * as v from "valibot";
import { filters, labels } from "./schema.ts";

export const VolumeCreateParams = v.object({
  /** Absent: one that is made up, and the volume is anonymous. */
  name: v.exactOptional(v.string()),
  /** Only `local` is known. */
  driver: v.exactOptional(v.string()),
  /** Of the driver: `type`, `device` and `o` of a bind, or `type=block` and `size` (`10G`). */
  options: v.exactOptional(labels),
  labels: v.exactOptional(labels),
});
export type VolumeCreateParams = v.InferOutput<typeof VolumeCreateParams>;

export const VolumeListParams = v.object({
  /** Docker's filters: dangling, driver, label, name. */
  filters: v.exactOptional(filters),
});
export type VolumeListParams = v.InferOutput<typeof VolumeListParams>;

export const VolumeParams = v.object({ name: v.string() });
export type VolumeParams = v.InferOutput<typeof VolumeParams>;

export const VolumeRemoveParams = v.object({
  name: v.string(),
  /** No error if there is no such volume. */
  force: v.exactOptional(v.boolean()),
});
export type VolumeRemoveParams = v.InferOutput<typeof VolumeRemoveParams>;

export const VolumePruneParams = v.object({
  /** Also volumes with a name of the user's. */
  all: v.exactOptional(v.boolean()),
  /** Docker's filters: all, label, label!. */
  filters: v.exactOptional(filters),
});
export type VolumePruneParams = v.InferOutput<typeof VolumePruneParams>;
