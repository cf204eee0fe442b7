/** Fits, with the progress of a pull behind it, into a side bar of the usual width. */
const maxLength = 22;

/**
 * An image reference for where there is little room. What tells images apart is at the end: the path's
 * beginning goes first, then the middle of a name that is long by itself.
 */
export function shortReference(reference: string): string {
  if (reference.length <= maxLength) return reference;
  const name = reference.slice(reference.lastIndexOf("/") + 1);
  const short = name.length < reference.length ? `…/${name}` : name;
  if (short.length <= maxLength) return short;
  const kept = maxLength - 1;
  const end = Math.floor(kept / 2);
  return `${short.slice(0, kept - end)}…${short.slice(-end)}`;
}

/**
 * What tells an image apart, and the registry with its path, which many have in common: "" for Docker Hub's,
 * whose names are known with what is before the slash. A registry has a dot or a port or is `localhost`
 * (github.com/distribution/reference, splitDockerDomain).
 */
export function nameAndRegistry(reference: string): { name: string; registry: string } {
  const slash = reference.lastIndexOf("/");
  const [first = ""] = reference.split("/");
  if (slash < 0 || !/[.:]|^localhost$/.test(first)) return { name: reference, registry: "" };
  return { name: reference.slice(slash + 1), registry: reference.slice(0, slash) };
}

/** A reference without its tag and digest. */
export function repositoryOf(reference: string): string {
  return reference.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}
