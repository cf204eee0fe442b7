import { closeSync, constants, openSync } from "node:fs";

/** Linux takes 4,095 bytes in one call; what is appended to a directory's path goes on top. */
const longest = 3800;
/** Enough for two paths in one call. */
const maximumAnchors = 4;

/**
 * Paths of any length: a tree of an image may be deeper than one system call can say. Beyond some length a
 * path begins at an open directory, in /proc. Nothing on the way may be a symbolic link that somebody else
 * can change.
 */
export class LongPaths {
  readonly #anchors: { prefix: string; fd: number }[] = [];

  /**
   * A path that system calls take, for an absolute one without `.`, `..` and doubled slashes. Both are binary
   * strings, a character a byte. The path holds until the third next call.
   */
  reach(path: string): string {
    if (path.length <= longest) return path;
    let start = { prefix: "", fd: -1 };
    for (const anchor of this.#anchors)
      if (anchor.prefix.length > start.prefix.length && path.startsWith(`${anchor.prefix}/`)) start = anchor;
    let done = start.prefix.length;
    let fd = start.fd;
    const isAnchor = (): boolean => fd === start.fd;
    while (path.length - done > longest) {
      const cut = path.lastIndexOf("/", done + longest);
      if (cut <= done) throw new RangeError(`a name of more than ${longest} bytes`);
      const from = fd < 0 ? path.slice(0, cut) : `/proc/self/fd/${fd}${path.slice(done, cut)}`;
      const next = openSync(
        Buffer.from(from, "latin1"),
        constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
      );
      if (!isAnchor()) closeSync(fd);
      fd = next;
      done = cut;
    }
    if (!isAnchor()) {
      this.#anchors.push({ prefix: path.slice(0, done), fd });
      if (this.#anchors.length > maximumAnchors) closeSync(this.#anchors.shift()?.fd ?? -1);
    }
    return `/proc/self/fd/${fd}${path.slice(done)}`;
  }

  close(): void {
    for (const { fd } of this.#anchors.splice(0)) closeSync(fd);
  }
}
