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
