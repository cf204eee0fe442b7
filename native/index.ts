/**
 * The one loader of Mocker's native parts: finds dist/native, loads the addon when first needed, and gives
 * its functions types, checked arguments and errors that a person can read.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join } from "node:path";
import { getSystemErrorName, promisify } from "node:util";
import { MockerError } from "../engine/protocol/errors.ts";
import type { JailLayer } from "../engine/protocol/vm.ts";

/** What addon.cc exports. */
interface Addon {
  spawnDetached(
    argv: string[],
    logPath: string,
    onExit?: (exitCode: number | null, signal: number | null) => void,
  ): number;
  processStartTime(pid: number): number | null;
  killProcess(pid: number, startTimeTicks: number, signal: number): boolean;
  watchProcess(pid: number, startTimeTicks: number, onExit: () => void): Watch;
  tryLock(path: string): number | null;
  isLocked(path: string): boolean;
  closeDescriptor(fd: number): void;
  peerCredentials(fd: number): PeerCredentials;
  copyRange(source: number, destination: number, from: number, to: number, length: number): CopyMethod;
  lsetxattr(path: string, name: string, value: Uint8Array): void;
  mknod(path: string, mode: number, major: number, minor: number): void;
  openBlob(fd: number, blobBits: number, tarBits: number, windowLog: number): object;
  readBlob(
    blob: object,
    available: number,
    last: boolean,
    output: Uint8Array,
  ): Promise<[produced: number, position: number, status: number]>;
  finishBlob(blob: object): { blobDigest: string; tarDigest: string; complete: boolean };
  blobFormat(blob: object): number;
  openRoot(): object;
  applyRoot(root: object, indexPath: string): Promise<RootStep>;
  writeRoot(root: object, metadataPath: string, uuid: Uint8Array, dataPaths: string[]): Promise<RootStep>;
  listRoot(root: object): Promise<RootStep>;
  closeRoot(root: object): void;
  kvmStatus(): { usable: boolean; reason: string; hint: string };
  libkrun(krunPath: string | null, kernelPath: string | null, bundledDir: string): LibkrunInfo;
}

/** What a step of a merge came to, see native/codec/codec.h. */
interface RootStep {
  status: number;
  error: number;
  answer: Buffer;
  metadataBytes: number;
  inodes: number;
  extents: number[];
}

export interface Watch {
  /** Stops watching. Harmless when called twice, or after the process ended. */
  close(): void;
}

export interface PeerCredentials {
  uid: number;
  gid: number;
  pid: number;
}

/** How copyRange did it: by sharing extents, or by copying. */
export type CopyMethod = "cloned" | "copied";

export interface KvmStatus {
  usable: boolean;
  reason?: string;
  hint?: string;
}

export interface LibkrunInfo {
  /** The library's file, symbolic links resolved. */
  path: string;
  /** The guest kernel: a libkrunfw or a kernel image. */
  kernelPath: string;
  /** `1.19.7`, or `≥ 1.17` where only the calls it has tell. */
  version: string;
  /** `disks`, `vmdk`, `shares`, `read-only-shares`, `network-none`, `net`, `blk`, … */
  features: string[];
  /** The largest number of CPUs for one VM; 0 if unknown. */
  maxVcpus: number;
  /** What it cannot do → what can: `{ vmdk: "libkrun 1.17" }`. */
  missing: Record<string, string>;
}

let foundDir: string | undefined;
let loadedAddon: Addon | undefined;

/**
 * The directory of the native parts: $MOCKER_NATIVE_DIR, or `native` beside the running bundle, or
 * `dist/native` of a directory above it.
 * @throws MockerError INTERNAL if there is none
 */
export function nativeDir(): string {
  const configured = process.env.MOCKER_NATIVE_DIR;
  if (configured) return configured;
  if (foundDir !== undefined) return foundDir;
  const candidates = [join(__dirname, "native")];
  for (let dir = __dirname; ; dir = dirname(dir)) {
    candidates.push(join(dir, "dist", "native"));
    if (dir === dirname(dir)) break;
  }
  foundDir = candidates.find((dir) => existsSync(join(dir, "mocker.node")));
  if (foundDir === undefined) {
    throw new MockerError("INTERNAL", "Mocker's native parts are missing", {
      hint: "Install the package for this platform again, or run `npm run build:native` in a checkout.",
    });
  }
  return foundDir;
}

/** The VM monitor's program. */
export function vmmPath(): string {
  return join(nativeDir(), "mocker-vmm");
}

/** The program of a network. */
export function netdPath(): string {
  return join(nativeDir(), "mocker-netd");
}

/** The guest agent: a static program, the first process of every VM. */
export function agentPath(): string {
  return join(nativeDir(), "mocker-agent");
}

/** A static program that prints a greeting: the built-in hello image's only file. */
export function helloPath(): string {
  return join(nativeDir(), "mocker-hello");
}

/**
 * The empty file system that a VM's writable disk is made from; see
 * engine/daemon/vms/runtimes/krun/data-disk.ts.
 */
export function ext4TemplatePath(): string {
  return join(nativeDir(), "ext4-template.bin.gz");
}

function addon(): Addon {
  if (loadedAddon === undefined) {
    const file = join(nativeDir(), "mocker.node");
    try {
      loadedAddon = createRequire(file)(file) as Addon;
    } catch (cause) {
      throw new MockerError(
        "INTERNAL",
        `${file} cannot be loaded: ${cause instanceof Error ? cause.message : cause}`,
        {
          hint: "It is for another platform or another C library; build it here with `npm run build:native`.",
          cause,
        },
      );
    }
  }
  return loadedAddon;
}

/**
 * Starts mocker-vmm detached: it outlives this process. Its own session, no environment, no descriptors of
 * ours.
 * @param options.specPath vmm.json
 * @param options.logPath receives its stdout and stderr, appended
 * @param options.onExit told how it ended, if this process still runs then; does not keep this process alive
 * @throws Error with `code` (ENOENT, EACCES, …)
 */
export function spawnVmm(options: {
  specPath: string;
  logPath: string;
  onExit?: (exitCode: number | null, signal: number | null) => void;
}): { pid: number } {
  const argv = [absolute(vmmPath()), absolute(options.specPath)];
  return { pid: addon().spawnDetached(argv, absolute(options.logPath), options.onExit) };
}

/**
 * Starts mocker-netd as {@link spawnVmm} starts mocker-vmm.
 * @param options.configPath netd.json
 * @throws Error with `code` (ENOENT, EACCES, …)
 */
export function spawnNetd(options: {
  configPath: string;
  logPath: string;
  onExit?: (exitCode: number | null, signal: number | null) => void;
}): { pid: number } {
  const argv = [absolute(netdPath()), absolute(options.configPath)];
  return { pid: addon().spawnDetached(argv, absolute(options.logPath), options.onExit) };
}

/**
 * Removes a directory with everything in it, also what belongs to the user's subordinate ids (a simulated
 * VM's files).
 * @throws Error with what mocker-vmm said
 */
export async function removeTree(path: string): Promise<void> {
  // Clients load this module too, and start no process.
  const { execFile } = await import("node:child_process");
  await promisify(execFile)(vmmPath(), ["--remove", absolute(path)]);
}

/**
 * Copies a file or a directory with everything in it to a name that is not there yet: owners, modes, times,
 * extended attributes, links, devices and holes, also of what belongs to the user's subordinate ids. Blocks
 * are shared where the file system can. Leaves a part of it when it fails or is aborted.
 * @throws Error with what cp said, in English; an AbortError
 */
export async function copyTree(from: string, to: string, signal?: AbortSignal): Promise<void> {
  const { execFile } = await import("node:child_process");
  const env = { ...process.env, LC_ALL: "C" };
  await promisify(execFile)(vmmPath(), ["--copy", absolute(from), absolute(to)], {
    env,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What `mocker-vmm --probe` tells. */
export interface JailProbe {
  layers: JailLayer[];
  /** Why VMs are refused here; absent where they are not. */
  problem?: string;
  /** Why the users of root's simulated VMs can have no ids of their own; absent where they can. */
  ownIdsProblem?: string;
}

/**
 * Tries what contains a VM's process, in a process of its own, over a directory, which stays as it is.
 * @throws Error with what mocker-vmm said
 */
export async function probeJail(directory: string): Promise<JailProbe> {
  // Clients load this module too, and start no process.
  const { execFile } = await import("node:child_process");
  const { stdout } = await promisify(execFile)(vmmPath(), ["--probe", absolute(directory)]);
  return JSON.parse(stdout) as JailProbe;
}

/**
 * Start time of a process in clock ticks since boot (field 22 of /proc/pid/stat), or null if there is none.
 */
export function processStartTime(pid: number): number | null {
  return addon().processStartTime(pidArgument(pid));
}

/**
 * Calls `onExit` once when exactly this process has ended, child or not; soon, if it has already. Keeps this
 * process alive until then or until `close()`.
 */
export function watchProcess(pid: number, startTimeTicks: number, onExit: () => void): Watch {
  return addon().watchProcess(pidArgument(pid), whole(startTimeTicks, "startTimeTicks"), onExit);
}

/** Sends a signal to exactly this process. @returns false if it has ended. @throws Error with `code` EPERM */
export function killProcess(pid: number, startTimeTicks: number, signal: number): boolean {
  const number = whole(signal, "signal");
  if (number > 64) throw new RangeError(`no signal has the number ${signal}`);
  return addon().killProcess(pidArgument(pid), whole(startTimeTicks, "startTimeTicks"), number);
}

/**
 * An flock(2) on a file (created if missing). Held until released or until this process ends; null if taken.
 */
export function tryLock(path: string): { release(): void } | null {
  let fd = addon().tryLock(absolute(path));
  if (fd === null) return null;
  return {
    release() {
      if (fd !== null) addon().closeDescriptor(fd);
      fd = null;
    },
  };
}

/** Whether anybody holds an flock(2) on the file. */
export function isLocked(path: string): boolean {
  return addon().isLocked(absolute(path));
}

/** Who is at the other end of a connected unix socket. */
export function peerCredentials(fd: number): PeerCredentials {
  return addon().peerCredentials(whole(fd, "fd"));
}

/**
 * Copies `length` bytes between two open files: FICLONERANGE, else copy_file_range, else read and write;
 * holes stay holes where the destination has nothing yet. Sharing extents needs offsets and length aligned to
 * the file system's blocks.
 * @throws Error with `code`; EIO if the source ends early
 */
export function copyRange(
  sourceFd: number,
  destinationFd: number,
  sourceOffset: number,
  destinationOffset: number,
  length: number,
): CopyMethod {
  return addon().copyRange(
    whole(sourceFd, "sourceFd"),
    whole(destinationFd, "destinationFd"),
    whole(sourceOffset, "sourceOffset"),
    whole(destinationOffset, "destinationOffset"),
    whole(length, "length"),
  );
}

/** Sets an extended attribute on the path itself, not on what a symbolic link points to. */
export function lsetxattr(path: string, name: string, value: Uint8Array): void {
  addon().lsetxattr(absolute(path), withoutNul(name), value);
}

/** mknod(2). @param mode the type and permissions, for example `constants.S_IFCHR | 0o600` */
export function mknod(path: string, mode: number, major: number, minor: number): void {
  addon().mknod(absolute(path), whole(mode, "mode"), whole(major, "major"), whole(minor, "minor"));
}

export type BlobFormat = "unknown" | "plain" | "gzip" | "zstd";

const blobFormats: BlobFormat[] = ["unknown", "plain", "gzip", "zstd"];

export type BlobFault = "damaged" | "window-too-large" | "no-memory" | "internal" | "unreadable";

/** What native/codec/codec.h says of a step that went wrong. */
const blobFaults: Record<number, BlobFault> = {
  [-1]: "damaged",
  [-2]: "window-too-large",
  [-3]: "no-memory",
  [-5]: "unreadable",
};

/** A blob that cannot be read as a tar. */
export class BlobError extends Error {
  readonly fault: BlobFault;
  constructor(fault: BlobFault) {
    super(`layer blob: ${fault}`);
    this.name = "BlobError";
    this.fault = fault;
  }
}

/**
 * Reads the blob of a layer as its tar: gzip, zstd or neither, told apart by their magic numbers, in one or
 * several members or frames. Both sides are hashed. One read at a time; each runs in the thread pool and
 * fills a buffer of the caller's.
 */
export class BlobReader {
  readonly #native = addon();
  readonly #blob: object;
  #position = 0;

  /**
   * @param fd stays open until the last read has ended, and is the caller's to close
   * @param algorithms of the blob's and of the tar's digest
   * @param windowLog the largest window that zstd data may ask for, as a power of two
   */
  constructor(
    fd: number,
    algorithms: { blob: "sha256" | "sha512"; tar: "sha256" | "sha512" },
    windowLog: number,
  ) {
    const bits = { sha256: 256, sha512: 512 };
    this.#blob = this.#native.openBlob(
      whole(fd, "fd"),
      bits[algorithms.blob],
      bits[algorithms.tar],
      whole(windowLog, "windowLog"),
    );
  }

  /** How many of the blob's bytes were read so far. */
  get position(): number {
    return this.#position;
  }

  /**
   * Fills `output` from its beginning with what follows, as far as the file's first `available` bytes reach
   * or a good deal of them; `last`: there will be no more. After an error, or when `output` is empty, the
   * rest of the blob is only hashed.
   * @returns how many bytes there are
   * @throws BlobError
   */
  async read(available: number, last: boolean, output: Uint8Array): Promise<number> {
    const [produced, position, status] = await this.#native.readBlob(
      this.#blob,
      whole(available, "available"),
      last,
      output,
    );
    this.#position = position;
    if (status < 0) throw new BlobError(blobFaults[status] ?? "internal");
    return produced;
  }

  /**
   * The digests, in hexadecimal, of what was read; `complete` unless the compressed data ended in the middle.
   */
  finish(): { blobDigest: string; tarDigest: string; complete: boolean } {
    return this.#native.finishBlob(this.#blob);
  }

  get format(): BlobFormat {
    return blobFormats[this.#native.blobFormat(this.#blob)] ?? "unknown";
  }
}

/** `invalid`: the image makes no sense; `damaged`: what Mocker wrote itself is not what it was. */
export type RootFault = "invalid" | "damaged" | "internal";

const rootFaults: Record<number, RootFault> = { [-1]: "invalid", [-2]: "damaged" };
const rootIoStatus = -3;

/** Layers that cannot be merged; the message says why and may have names of the image. */
export class RootError extends Error {
  readonly fault: RootFault;
  constructor(fault: RootFault, message: string) {
    super(message);
    this.name = "RootError";
    this.fault = fault;
  }
}

/**
 * Merges the layers of an image into one file system (native/codec/src/tree.rs). One call at a time; each
 * runs in the thread pool. All throw RootError, and Error with `code` (ENOSPC, …) for what the files' system
 * says.
 */
export class RootMerge {
  readonly #native = addon();
  readonly #root = this.#native.openRoot();

  /**
   * Applies the next layer, bottom first, whose index is in a file. After an error the merge is good for
   * nothing.
   */
  async apply(indexPath: string): Promise<void> {
    checked(await this.#native.applyRoot(this.#root, absolute(indexPath)), indexPath);
  }

  /**
   * Writes the EROFS metadata to a new file.
   * @param uuid 16 bytes in hexadecimal
   * @param dataPaths the layers' data blobs, bottom first
   * @returns `extents`: for each layer how many bytes of its data must follow the metadata on the disk, 0 for
   *   none
   */
  async write(
    metadataPath: string,
    uuid: string,
    dataPaths: readonly string[],
  ): Promise<{ metadataBytes: number; inodes: number; extents: number[] }> {
    const { metadataBytes, inodes, extents } = checked(
      await this.#native.writeRoot(
        this.#root,
        absolute(metadataPath),
        Buffer.from(uuid, "hex"),
        dataPaths.map(absolute),
      ),
      metadataPath,
    );
    return { metadataBytes, inodes, extents };
  }

  /** The tree, as native/codec/src/listing.rs describes it. */
  async list(): Promise<Buffer> {
    return checked(await this.#native.listRoot(this.#root), "the layers").answer;
  }

  /** Frees its memory, which the garbage collector knows nothing of. */
  close(): void {
    this.#native.closeRoot(this.#root);
  }
}

function checked(step: RootStep, what: string): RootStep {
  const { status, error, answer } = step;
  if (status === 0) return step;
  const words = answer.toString("utf8");
  if (status === rootIoStatus)
    throw Object.assign(new Error(`${what}: ${words}`), {
      code: error === 0 ? "EIO" : getSystemErrorName(-error),
    });
  throw new RootError(rootFaults[status] ?? "internal", words);
}

/** Whether VMs can be booted here, as far as /dev/kvm tells. */
export function kvmStatus(): KvmStatus {
  const { usable, reason, hint } = addon().kvmStatus();
  return { usable, ...(reason ? { reason } : {}), ...(hint ? { hint } : {}) };
}

/**
 * Finds libkrun as a VM would: the given path or $MOCKER_LIBKRUN, else the bundled one, else the system's;
 * its guest kernel likewise ($MOCKER_LIBKRUNFW: a libkrunfw or an ELF kernel image).
 * @throws MockerError LIBKRUN_UNAVAILABLE
 */
export function libkrun(options: { libkrunPath?: string; kernelPath?: string } = {}): LibkrunInfo {
  const krunPath = options.libkrunPath || process.env.MOCKER_LIBKRUN || null;
  const kernelPath = options.kernelPath || process.env.MOCKER_LIBKRUNFW || null;
  try {
    return addon().libkrun(krunPath && absolute(krunPath), kernelPath && absolute(kernelPath), nativeDir());
  } catch (cause) {
    if (cause instanceof MockerError) throw cause;
    throw new MockerError("LIBKRUN_UNAVAILABLE", cause instanceof Error ? cause.message : String(cause), {
      hint: krunPath
        ? "Point MOCKER_LIBKRUN (or the setting) at a libkrun.so.1 of version 1.9 or later, or remove it to use the bundled one."
        : "Install libkrun 1.9 or later from your distribution, or use a Mocker package that bundles it.",
      cause,
    });
  }
}

function absolute(path: string): string {
  if (!isAbsolute(path)) throw new TypeError(`not an absolute path: ${path}`);
  return withoutNul(path);
}

function withoutNul(text: string): string {
  if (text.includes("\0")) throw new TypeError("a path or name must not contain a NUL character");
  return text;
}

function whole(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${name} must be a whole number, not ${value}`);
  return value;
}

function pidArgument(pid: number): number {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid > 0x7fff_ffff)
    throw new RangeError(`${pid} is not a process id`);
  return pid;
}
