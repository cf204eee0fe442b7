import * as v from "valibot";

export const CheckpointParams = v.object({ vm: v.string(), checkpoint: v.string() });
export type CheckpointParams = v.InferOutput<typeof CheckpointParams>;

export const CheckpointCreateParams = v.object({
  ...CheckpointParams.entries,
  /** Progress goes out as `$/progress` under this token ({@link CheckpointProgress}). */
  progressToken: v.exactOptional(v.string()),
});
export type CheckpointCreateParams = v.InferOutput<typeof CheckpointCreateParams>;

export const CheckpointListParams = v.object({ vm: v.string() });
export type CheckpointListParams = v.InferOutput<typeof CheckpointListParams>;
