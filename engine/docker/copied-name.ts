import { posix } from "node:path";

/**
 * What `docker cp CONTAINER:PATH` calls the thing that it copies: the last part of `path`, which is relative
 * to the root; `.` for the root and for a path that ends with `/.`, whose contents alone are copied. A link
 * that is followed gives its own name to what it points to.
 */
export function copiedName(path: string): string {
  const clean = posix.join("/", path);
  return clean === "/" || /(^|\/)\.$/.test(path) ? "." : posix.basename(clean);
}
