import * as v from "valibot";

export const CopyFromParams = v.object({
  /**
   * `NAME:PATH` of a VM or an image; a VM wins. A VM's name goes up to the first colon, an image's up to the
   * last one that a slash follows, so that it may have a tag.
   */
  source: v.string(),
  /** Copy what a symbolic link at the end of the path points to. */
  followLink: v.exactOptional(v.boolean()),
});
export type CopyFromParams = v.InferOutput<typeof CopyFromParams>;
