import * as v from "valibot";

export const SystemCheckParams = v.object({
  /**
   * Reads everything: every digest is computed again, everything that is derived is made again and compared.
   */
  deep: v.exactOptional(v.boolean()),
  /** Puts right what can be put right without losing an image. */
  repair: v.exactOptional(v.boolean()),
  /** Progress goes out as `$/progress` under this token ({@link CheckProgress}). */
  progressToken: v.exactOptional(v.string()),
});
export type SystemCheckParams = v.InferOutput<typeof SystemCheckParams>;
