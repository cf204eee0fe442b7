/**
 * Writes a tar archive as files, for `cp`. A hostile guest may have made the archive: what is asked for, not
 * the archive, names what is written (scp's CVE-2019-6111), and nothing is written outside of the place that
 * it is for. Every directory on the way to a file is one that is a directory and no link, files are made anew
 * and never opened through a link, and links are made but not followed.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { Writable } from "node:stream";
import { fileTime } from "../../common/tar/tar-header.ts";
import { type TarEntry, TarReader } from "../../common/tar/tar-reader.ts";
import { MockerError, scrub } from "../../protocol/errors.ts";
import { CommandFailure } from "../command.ts";

export interface ExtractOptions {
  /**
   * Name of the archive's first entry; an archive that begins with another is refused. The others lie below
   * it.
   */
  base: string;
  /** The path that the first entry gets; throws CommandFailure if there is none for it. */
  place(isDirectory: boolean): string;
  /** Keep owners, if this process may, and with them setuid bits. */
  keepOwners: boolean;
  /** What was not made: devices and pipes. */
  onSkipped(path: string): void;
}

/** A stream to write the archive to. What goes wrong is its error, in words for the user. */
export class TarExtract extends Writable {
  readonly #options: ExtractOptions;
  readonly #reader: TarReader;
  readonly #keepOwners: boolean;
  /**
   * Name of the first entry, without a slash at its end, and where it goes once it has come; binary strings.
   */
  readonly #base: string;
  #target: string | undefined;
  /** Directories that have been looked at. Nothing that the archive says can make another thing of them. */
  readonly #directories = new Set<string>();
  /** What directories are to get when nothing more is made in them. */
  readonly #attributes: { path: string; entry: TarEntry }[] = [];
  /** Of the entry under way. */
  #path = "";
  #fd: number | undefined;
  #entry: TarEntry | undefined;

  constructor(options: ExtractOptions) {
    super({ highWaterMark: 1 << 20 });
    this.#options = options;
    this.#base = Buffer.from(options.base).toString("latin1");
    this.#keepOwners = options.keepOwners && process.geteuid?.() === 0;
    this.#reader = new TarReader({
      entry: (entry) => this.#begin(entry),
      data: (chunk, start, end) => this.#data(chunk, start, end),
      endEntry: () => this.#endEntry(),
    });
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#attempt(() => this.#reader.push(chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#attempt(() => {
      this.#reader.end();
      if (this.#target === undefined) throw invalid("it is empty");
      // Inner directories first.
      for (const { path, entry } of this.#attributes.reverse()) {
        if (this.#keepOwners) lchownSync(bytes(path), entry.uid, entry.gid);
        chmodSync(bytes(path), this.#mode(entry));
        lutimesSync(bytes(path), fileTime(entry), fileTime(entry));
      }
    }, done);
  }

  /** What broke off in the middle of a file leaves no part of it. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#fd !== undefined) {
      closeSync(this.#fd);
      rmSync(bytes(this.#path), { force: true });
    }
    this.#fd = undefined;
    done(error);
  }

  #attempt(work: () => void, done: (error?: Error | null) => void): void {
    try {
      work();
      done();
    } catch (error) {
      done(
        error instanceof CommandFailure || error instanceof MockerError
          ? error
          : worded(error as Error, shown(this.#path)),
      );
    }
  }

  #begin(entry: TarEntry): void {
    const path = this.#pathOf(entry.name, entry.kind === "directory");
    this.#path = path;
    if (path !== this.#target) this.#checkDirectory(dirname(path));
    const there = lstatSync(bytes(path), { throwIfNoEntry: false });
    if (entry.kind === "directory") this.#makeDirectory(path, there, entry);
    else this.#makeOther(path, there, entry);
  }

  #makeDirectory(path: string, there: Stats | undefined, entry: TarEntry): void {
    if (there && !there.isDirectory())
      throw new CommandFailure(
        `cannot overwrite non-directory ${quoted(path)} with directory ${quoted(this.#target ?? path)}`,
      );
    // As Docker: what a directory's contents are copied into stays as it is.
    const merged = there !== undefined && path === this.#target && this.#base === ".";
    if (!there) mkdirSync(bytes(path), { mode: 0o700 });
    // Also one that is there must take what is to come.
    else if ((there.mode & 0o700) !== 0o700) chmodSync(bytes(path), (there.mode & 0o7777) | 0o700);
    this.#directories.add(path);
    if (!merged) this.#attributes.push({ path, entry });
  }

  #makeOther(path: string, there: Stats | undefined, entry: TarEntry): void {
    if (there?.isDirectory())
      throw new CommandFailure(
        `cannot overwrite directory ${quoted(path)} with non-directory ${quoted(this.#target ?? path)}`,
      );
    switch (entry.kind) {
      case "hardlink": {
        const target = this.#pathOf(entry.linkName, false);
        this.#checkDirectory(dirname(target));
        if (target === path) throw invalid(`${quoted(path)} is a link to itself`);
        if (!lstatSync(bytes(target), { throwIfNoEntry: false })?.isFile())
          throw invalid(`${quoted(path)} is a link to something that is no file of the archive's`);
        if (there) unlinkSync(bytes(path));
        linkSync(bytes(target), bytes(path));
        return;
      }
      case "symlink":
        if (there) unlinkSync(bytes(path));
        symlinkSync(bytes(entry.linkName), bytes(path));
        if (this.#keepOwners) lchownSync(bytes(path), entry.uid, entry.gid);
        lutimesSync(bytes(path), fileTime(entry), fileTime(entry));
        return;
      case "file":
        if (entry.segments !== undefined) throw invalid(`${quoted(path)} is stored in parts`);
        if (there) unlinkSync(bytes(path));
        this.#fd = openSync(
          bytes(path),
          constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
          0o600,
        );
        this.#entry = entry;
        return;
      default:
        this.#options.onSkipped(shown(path));
    }
  }

  #data(chunk: Buffer, start: number, end: number): void {
    if (this.#fd === undefined) return;
    for (let at = start; at < end; ) at += writeSync(this.#fd, chunk, at, end - at);
  }

  #endEntry(): void {
    const fd = this.#fd;
    const entry = this.#entry;
    if (fd === undefined || entry === undefined) return;
    try {
      if (this.#keepOwners) fchownSync(fd, entry.uid, entry.gid);
      // After the owner: a change of owner clears the setuid bits.
      fchmodSync(fd, this.#mode(entry));
      futimesSync(fd, fileTime(entry), fileTime(entry));
    } finally {
      this.#fd = undefined;
      this.#entry = undefined;
      closeSync(fd);
    }
  }

  /** Without the owner it was meant for, a setuid bit would lend this user's rights to everybody. */
  #mode({ mode }: TarEntry): number {
    return this.#keepOwners ? mode : mode & 0o1777;
  }

  /** Where a name of the archive lies. Throws for one that is not the first's or below it. */
  #pathOf(name: string, isDirectory: boolean): string {
    const clean = name.replace(/\/+$/, "");
    if (this.#target === undefined) {
      if (clean !== this.#base)
        throw invalid(`it begins with ${quoted(name)}, but ${quoted(this.#base)} was asked for`);
      this.#target = Buffer.from(this.#options.place(isDirectory)).toString("latin1");
    }
    if (clean === this.#base) return this.#target;
    const inside = clean.startsWith(`${this.#base}/`) ? clean.slice(this.#base.length + 1) : "";
    const parts = inside.split("/");
    if (parts.some((part) => part === "" || part === "." || part === "..") || inside.includes("\0"))
      throw invalid(`${quoted(name)} lies outside of what was asked for`);
    return `${this.#target}/${inside}`;
  }

  /**
   * Makes sure that `path`, the target or below it, is a directory and no link, and so are those above it.
   */
  #checkDirectory(path: string): void {
    if (this.#directories.has(path)) return;
    if (path !== this.#target) this.#checkDirectory(dirname(path));
    const there = lstatSync(bytes(path), { throwIfNoEntry: false });
    if (!there && path !== this.#target) mkdirSync(bytes(path), { mode: 0o755 });
    else if (!there?.isDirectory())
      throw invalid(`${quoted(path)} is no directory, but something is to lie in it`);
    this.#directories.add(path);
  }
}

/** Of an absolute path without a slash at its end. */
function dirname(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function bytes(path: string): Buffer {
  return Buffer.from(path, "latin1");
}

/** For a terminal. */
function shown(path: string): string {
  return scrub(bytes(path).toString("utf8"));
}

function quoted(path: string): string {
  return JSON.stringify(shown(path));
}

function invalid(why: string): MockerError {
  return new MockerError("IMAGE_INVALID", `the archive that came is not valid: ${why}`);
}

/** As Go's: `open /x: permission denied`. */
function worded(error: NodeJS.ErrnoException, path: string): Error {
  const { code, syscall = "write" } = error;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new MockerError("NO_SPACE", `${syscall} ${path}: no space left on device`, {
      hint: "What was copied before stays. Make room, and copy again.",
    });
  const reason = /^E[A-Z0-9]+: ([^,]+)/.exec(error.message)?.[1] ?? error.message;
  return new CommandFailure(`${syscall} ${path}: ${reason}`);
}
