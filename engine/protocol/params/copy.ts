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

export const CopyToParams = v.object({
  vm: v.string(),
  /** Relative to the root. Its end says that it is a directory: `/`, `/.`. */
  path: v.string(),
  /** See {@link streamUpload}: a tar archive. */
  upload: v.string(),
  /**
   * The one thing that the archive has, called `name` (`.`: what is in a directory), everything else in it
   * below that: `path` is its new name, or a directory to put it into. Absent: the archive is made into files
   * in the directory `path`, as it is; it may be compressed with gzip.
   */
  source: v.exactOptional(v.object({ name: v.string(), isDirectory: v.boolean() })),
});
export type CopyToParams = v.InferOutput<typeof CopyToParams>;
