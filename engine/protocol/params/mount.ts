import * as v from "valibot";
import { finiteNumber } from "./schema.ts";

const where = {
  /** Absolute path in the guest. */
  target: v.string(),
  readOnly: v.boolean(),
};

/** What is mounted into a VM besides its rootfs. */
export const Mount = v.variant("type", [
  v.object({
    type: v.literal("bind"),
    /** Absolute path on the host. */
    source: v.string(),
    ...where,
  }),
  v.object({
    type: v.literal("volume"),
    /** Absent: an anonymous volume. */
    name: v.exactOptional(v.string()),
    ...where,
  }),
  v.object({
    type: v.literal("tmpfs"),
    /** Absent: the kernel's own limit, half of the guest's memory. */
    sizeBytes: v.exactOptional(finiteNumber),
    ...where,
  }),
]);
export type Mount = v.InferOutput<typeof Mount>;
