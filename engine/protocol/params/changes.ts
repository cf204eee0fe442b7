import * as v from "valibot";
import { strings } from "./schema.ts";

export const VmDiffParams = v.object({ vm: v.string() });
export type VmDiffParams = v.InferOutput<typeof VmDiffParams>;

export const VmCommitParams = v.object({
  vm: v.string(),
  /** `repository[:tag]`; absent: the image has no name. */
  reference: v.exactOptional(v.string()),
  author: v.exactOptional(v.string()),
  message: v.exactOptional(v.string()),
  /** Instructions of a Dockerfile. */
  changes: v.exactOptional(strings),
  /** Nothing is written in a VM that runs until all of its files are read; default: true. */
  pause: v.exactOptional(v.boolean()),
});
export type VmCommitParams = v.InferOutput<typeof VmCommitParams>;
