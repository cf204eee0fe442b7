import * as v from "valibot";
import { finiteNumber, labels, strings } from "./schema.ts";

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
    /** As `--mount` wants it. Absent: a missing directory is made, as by `-v`. */
    mustExist: v.exactOptional(v.boolean()),
    ...where,
  }),
  v.object({
    type: v.literal("volume"),
    /** Absent in a request: an anonymous volume, whose name the engine makes up. */
    name: v.exactOptional(v.string()),
    /** Of a volume that was made for this mount alone. */
    anonymous: v.exactOptional(v.boolean()),
    /** A new volume stays empty, whatever the image has at the target. */
    noCopy: v.exactOptional(v.boolean()),
    /** A part of the volume, relative to its top. */
    subpath: v.exactOptional(v.string()),
    /** What the volume is made with if there is none of its name. */
    driver: v.exactOptional(v.string()),
    options: v.exactOptional(labels),
    labels: v.exactOptional(labels),
    /** Where its data is on the host. The engine says it; in a request it means nothing. */
    source: v.exactOptional(v.string()),
    ...where,
  }),
  v.object({
    type: v.literal("tmpfs"),
    /** Absent: the kernel's own limit, half of the guest's memory. */
    sizeBytes: v.exactOptional(finiteNumber),
    /** Words of mount(8), such as `exec`, `uid=5` and `mode=1770`. */
    options: v.exactOptional(strings),
    ...where,
  }),
]);
export type Mount = v.InferOutput<typeof Mount>;
