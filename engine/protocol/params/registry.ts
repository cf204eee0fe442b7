import * as v from "valibot";
import { filters, finiteNumber } from "./schema.ts";

const RegistryParams = v.object({
  /** Directory of the user's Docker config.json, with the credentials; default: the engine's own. */
  dockerConfig: v.exactOptional(v.string()),
});

export const ImagePushParams = v.object({
  ...RegistryParams.entries,
  /** `NAME[:TAG]`; without a tag `latest`, or all of them with `allTags`. */
  reference: v.string(),
  allTags: v.exactOptional(v.boolean()),
  /** Pushes only the manifest of this platform (`os/arch[/variant]`), no index. */
  platform: v.exactOptional(v.string()),
  /** Progress goes out as `$/progress` under this token ({@link PushProgress}). */
  progressToken: v.exactOptional(v.string()),
});
export type ImagePushParams = v.InferOutput<typeof ImagePushParams>;

export const RegistryTagsParams = v.object({ ...RegistryParams.entries, repository: v.string() });
export type RegistryTagsParams = v.InferOutput<typeof RegistryTagsParams>;

export const RegistryServerParams = v.object({
  ...RegistryParams.entries,
  /** As the user typed it: a host, perhaps with scheme and path; "" for Docker Hub. */
  server: v.string(),
});
export type RegistryServerParams = v.InferOutput<typeof RegistryServerParams>;

export const RegistryLoginParams = v.object({
  ...RegistryServerParams.entries,
  username: v.string(),
  /** Never logged. Absent: the stored one is tried again. */
  password: v.exactOptional(v.string()),
});
export type RegistryLoginParams = v.InferOutput<typeof RegistryLoginParams>;

export const ImageSearchParams = v.object({
  ...RegistryParams.entries,
  /** `TERM`, or `HOST[:PORT]/TERM` for another registry than Docker Hub. */
  term: v.string(),
  /** 1 to 100; default 25. */
  limit: v.exactOptional(finiteNumber),
  /** Docker's filters: stars, is-official, is-automated. */
  filters: v.exactOptional(filters),
});
export type ImageSearchParams = v.InferOutput<typeof ImageSearchParams>;

export const ManifestInspectParams = v.object({
  ...RegistryParams.entries,
  reference: v.string(),
  insecure: v.exactOptional(v.boolean()),
  verbose: v.exactOptional(v.boolean()),
});
export type ManifestInspectParams = v.InferOutput<typeof ManifestInspectParams>;
