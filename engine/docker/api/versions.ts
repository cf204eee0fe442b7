/**
 * The x of those API versions 1.x with which answers have changed (moby, docs/api/version-history.md): the
 * first that has the change.
 */
export const since = {
  /** `shared-size` of `GET /images/json` and `type` of `GET /system/df` count; `BuilderSize` is gone. */
  typedUsage: 42,
  /** Images without names have empty lists, and none of Docker's `<none>`. */
  emptyNameLists: 43,
  /** Images have no `VirtualSize`, which said the same as `Size`. */
  noVirtualSize: 44,
  /** An inspected image has no `Container` and `ContainerConfig`, which only the legacy builder's had. */
  noImageContainer: 45,
  /** An inspected image's `Config` has nothing that only a container's has. */
  imageConfigAlone: 50,
  /** An inspected image, and its `Config`, lack what they have no value for. */
  imageOmitsEmpty: 52,
} as const;
