// File helpers of the build.

import { createHash } from "node:crypto";
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { rootDir } from "./paths.mjs";

/**
 * Every file below a directory, sorted.
 * @param {string} dir
 * @param {string[]} [skip] names of directories
 * @returns {string[]}
 */
export function filesBelow(dir, skip = []) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) return skip.includes(entry.name) ? [] : filesBelow(path, skip);
      return [path];
    })
    .sort();
}

/**
 * SHA-256 over the names (in the checkout, wherever that is) and contents of files, and other texts.
 * @param {string[]} files
 * @param {string[]} [texts]
 */
export function hashFiles(files, texts = []) {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(`${relative(rootDir, file)}\0`)
      .update(readFileSync(file))
      .update("\0");
  for (const text of texts) hash.update(`${text}\0`);
  return hash.digest("hex");
}

/** Copies so that nobody ever sees half a file, or has a running program changed under it. */
export function install(/** @type {string} */ source, /** @type {string} */ target, mode = 0o644) {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}.tmp`;
  copyFileSync(source, temporary, constants.COPYFILE_FICLONE);
  finish(temporary, target, mode);
}

/** Writes a file atomically. @param {string} target @param {string | Uint8Array} content */
export function writeAtomically(target, content) {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  finish(temporary, target, 0o644);
}

function finish(/** @type {string} */ temporary, /** @type {string} */ target, /** @type {number} */ mode) {
  try {
    if ((statSync(temporary).mode & 0o777) !== mode) chmodSync(temporary, mode);
    renameSync(temporary, target);
  } finally {
    rmSync(temporary, { force: true });
  }
}
