// What is slow to make and depends on nothing but its key, in a cache that all checkouts share.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";

/** Of each name: other checkouts, and other branches of this one, may be built in turns. */
const keptOfEach = 8;

/**
 * The directory that holds what `make` made, unless that was done before.
 * @param {object} what
 * @param {string} what.cache the cache's directory
 * @param {string} what.name for people, as `version` is, which begins with a digit
 * @param {string} what.version
 * @param {string} what.key hash of all that the result depends on
 * @param {string[]} what.files what `make` leaves in its first argument
 * @param {(done: string, work: string) => void} make puts the files into `done`; `work` is there meanwhile
 * @param {boolean} [again] make it even if it is there
 * @returns {string}
 */
export function kept({ cache, name, version, key, files }, make, again = false) {
  const target = join(cache, `${name}-${version}-${key.slice(0, 32)}`);
  const isThere = () => files.every((file) => existsSync(join(target, file)));
  if (again || !isThere()) {
    mkdirSync(cache, { recursive: true });
    const work = mkdtempSync(join(cache, "building-"));
    try {
      const done = join(work, "done");
      mkdirSync(done);
      make(done, work);
      if (again) rmSync(target, { recursive: true, force: true });
      try {
        renameSync(done, target);
      } catch (error) {
        // Somebody else made the same at the same time: theirs is as good.
        if (!isThere()) throw error;
      }
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  // To the microsecond: which was used last decides who stays.
  const now = (performance.timeOrigin + performance.now()) / 1000;
  utimesSync(target, now, now);
  forgetOthers(cache, name);
  return target;
}

/** Keeps the cache from growing with every change: those that were used last stay. */
function forgetOthers(/** @type {string} */ cache, /** @type {string} */ name) {
  const all = readdirSync(cache)
    .filter((other) => other.startsWith(`${name}-`) && /^\d/.test(other.slice(name.length + 1)))
    .map((other) => ({ path: join(cache, other), usedMs: usedMs(join(cache, other)) }))
    .sort((a, b) => b.usedMs - a.usedMs);
  for (const { path } of all.slice(keptOfEach)) rmSync(path, { recursive: true, force: true });
}

/** When a directory was last used; 0 when another build has just removed it. */
function usedMs(/** @type {string} */ path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
