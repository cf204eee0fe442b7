import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { unlessAborted } from "../../common/abort.ts";
import { isOutOfDescriptors } from "../../common/descriptors.ts";
import { diskBytes } from "../../common/disk-bytes.ts";
import { needsRecovery } from "../../common/ext4-image.ts";
import { binarySize } from "../../docker/sizes.ts";
import { MockerError } from "../../protocol/errors.ts";
import { isRecord } from "../../protocol/params/schema.ts";
import type { StoreProblem } from "../../protocol/system.ts";
import type {
  VolumeChange,
  VolumeCreateParams,
  VolumeListParams,
  VolumeParams,
  VolumePruneParams,
  VolumePruneResult,
  VolumeRemoveParams,
  VolumeSummary,
} from "../../protocol/volume.ts";
import type { EngineEvent, EventLog } from "../events/event-log.ts";
import type { Log } from "../log.ts";
import type { VolumeDir } from "./volume-dir.ts";
import { filterVolumes, pruneFilter } from "./volume-filters.ts";
import type { VolumeFiles, VolumeRecord } from "./volume-record.ts";
import {
  blockBytes,
  boundDirectory,
  checkDriver,
  checkDriverOptions,
  checkVolumeName,
  isBlock,
} from "./volume-spec.ts";

/** Docker's mark of a volume that was made without a name. */
const anonymousLabel = "com.docker.volume.anonymous";

/** A volume that a VM wants to have. */
export interface WantedVolume {
  name: string;
  anonymous?: boolean | undefined;
  driver?: string | undefined;
  options?: Record<string, string> | undefined;
  labels?: Record<string, string> | undefined;
  /** The VM that it goes with. */
  removedWith?: string | undefined;
}

/** How a VM is to have a volume. */
export interface VolumeOpening {
  name: string;
  vmId: string;
  target: string;
  /** In all places where the VM has it. */
  readOnly: boolean;
  /** The VM wants the image's content in a volume that is new. */
  copies: boolean;
  /** The VM has never run: for it an empty volume is new, too. */
  neverRan: boolean;
}

/** A volume that a VM has, from before its start to its end. */
export interface VolumeLease {
  /** Directory of the host, or the image file of a block volume. */
  path: string;
  kind: "directory" | "block";
  /** The VM, or its guest agent, writes into it. */
  writes: boolean;
  /** The guest agent is to copy the image's content into it, if it is empty. */
  fill: boolean;
  /** The guest agent is to empty it before: a fill was cut off. */
  clear: boolean;
  /** The guest agent has done so: from now on there is a workload's data. */
  filled(): void;
  /** The VM has ended, or was not started. */
  close(): void;
}

/** A volume as this process knows it. */
interface Volume {
  files: VolumeFiles;
  /** The reason for which it cannot be read. */
  record: VolumeRecord | MockerError;
  /** The VMs that run with it, or start, and whether they may write. */
  readonly opened: Map<string, boolean>;
  /** Resolves when the VM that fills it has done so, or has failed. */
  filling: Promise<void> | undefined;
}

interface VolumeServiceOptions {
  dir: VolumeDir;
  events: EventLog;
  log: Log;
  /** IDs of the VMs that have a volume, run or not, are being made or not. */
  usersOf(name: string): string[];
  /** What the user calls a VM. */
  nameOf(vmId: string): string;
}

/** All volumes, and what can be asked of them. */
export class VolumeService {
  readonly #dir: VolumeDir;
  readonly #events: EventLog;
  readonly #log: Log;
  readonly #usersOf: (name: string) => string[];
  readonly #nameOf: (vmId: string) => string;
  readonly #volumes = new Map<string, Volume>();

  constructor({ dir, events, log, usersOf, nameOf }: VolumeServiceOptions) {
    this.#dir = dir;
    this.#events = events;
    this.#log = log;
    this.#usersOf = usersOf;
    this.#nameOf = nameOf;
  }

  /** Reads every record. One that is broken hides no other. */
  async recover(): Promise<void> {
    for (const name of await this.#dir.recover((error) => this.#log.error("volume.sweep", error))) {
      const files = this.#dir.files(name);
      this.#volumes.set(name, {
        files,
        record: await readRecord(files, name),
        opened: new Map(),
        filling: undefined,
      });
    }
  }

  /** What of the volumes is not as it should be. */
  async check(): Promise<StoreProblem[]> {
    const leftovers = await this.#dir.eraseLeftovers();
    const problems = [...this.#volumes].flatMap(([name, { record }]) => {
      if (!(record instanceof MockerError)) return [];
      const hint = record.hint ?? `Remove it with: mocker volume rm ${name}`;
      return [
        {
          severity: "error" as const,
          subject: `volume ${name}`,
          problem: record.message,
          hint,
          repaired: false,
        },
      ];
    });
    return problems.concat(
      leftovers.map(({ path, problem }) => ({
        severity: "error" as const,
        subject: `directory ${path}`,
        problem: `of a volume that was removed cannot be erased: ${problem}`,
        hint: "It is tried again at each start of the engine and each check.",
        repaired: false,
      })),
    );
  }

  /** After the VMs were recovered: removes the volumes of VMs with `--rm` that a crash has left alone. */
  async removeOrphans(vmExists: (id: string) => boolean): Promise<void> {
    const orphans = [...this.#volumes].flatMap(([name, { record }]) =>
      !(record instanceof MockerError) && record.removedWith !== undefined && !vmExists(record.removedWith)
        ? [name]
        : [],
    );
    await this.removeUnused(orphans);
  }

  onDidChange(listener: (change: VolumeChange) => void): { dispose(): void } {
    return this.#events.subscribe((event) => {
      const change = changeOf(event);
      if (change) listener(change);
    });
  }

  /** @throws INVALID_ARGUMENT, FEATURE_UNAVAILABLE in Docker's words */
  create(params: VolumeCreateParams): VolumeSummary {
    const { name = "" } = params;
    const anonymous = name === "";
    const wanted = anonymous ? randomBytes(32).toString("hex") : name;
    this.ensure({ ...params, name: wanted, anonymous });
    return this.#summary(this.#get(wanted), wanted);
  }

  /**
   * Makes a volume unless there is one of its name, in one turn of the event loop.
   * @throws INVALID_ARGUMENT, FEATURE_UNAVAILABLE
   */
  ensure({
    name,
    anonymous = false,
    driver = "local",
    options = {},
    labels = {},
    removedWith,
  }: WantedVolume) {
    checkVolumeName(name);
    checkDriver(name, driver);
    if (this.#volumes.has(name)) return;
    checkDriverOptions(name, options);
    const bytes = blockBytes(name, options);
    const record: VolumeRecord = {
      version: 1,
      name,
      createdAt: new Date().toISOString(),
      driver: "local",
      labels: anonymous ? { ...labels, [anonymousLabel]: "" } : labels,
      options,
      anonymous,
      ...(removedWith === undefined ? {} : { removedWith }),
    };
    const files = this.#create(record, bytes);
    this.#volumes.set(name, { files, record, opened: new Map(), filling: undefined });
    this.#publish(name, "create", {});
  }

  list({ filters = {} }: VolumeListParams = {}): VolumeSummary[] {
    const all = [...this.#volumes].map(([name, volume]) => this.#summary(volume, name));
    return filterVolumes(all, filters).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws VOLUME_NOT_FOUND in Docker's words */
  inspect({ name }: VolumeParams): VolumeSummary {
    return this.#summary(this.#get(name), name);
  }

  /** @throws VOLUME_NOT_FOUND unless `force`, VOLUME_IN_USE, in Docker's words */
  async remove({ name, force = false }: VolumeRemoveParams): Promise<void> {
    const volume = this.#volumes.get(name);
    if (!volume && force) return;
    if (!volume) throw noSuchVolume(name);
    const users = this.#usersOf(name);
    if (users.length > 0) {
      throw new MockerError("VOLUME_IN_USE", `remove ${name}: volume is in use - [${users.join(", ")}]`, {
        details: { users },
      });
    }
    await this.#remove(name, volume);
  }

  /** Removes those of these volumes that nobody has. */
  async removeUnused(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const volume = this.#volumes.get(name);
      if (!volume || this.#usersOf(name).length > 0) continue;
      await this.#remove(name, volume).catch((error) => this.#log.error("volume.remove", error, { name }));
    }
  }

  /** Removes the volumes that no VM has: anonymous ones, with `all` every one. @throws INVALID_ARGUMENT */
  async prune({ all = false, filters = {} }: VolumePruneParams = {}): Promise<VolumePruneResult> {
    const isWanted = pruneFilter(all, filters);
    const removed: string[] = [];
    let reclaimedBytes = 0;
    for (const summary of this.list()) {
      const { name } = summary;
      if (summary.users.length > 0 || summary.broken !== undefined || !isWanted(summary)) continue;
      const bytes = await this.diskBytesOf(name);
      const volume = this.#volumes.get(name);
      // Somebody may have taken it meanwhile.
      if (!volume || this.#usersOf(name).length > 0) continue;
      await this.#remove(name, volume);
      removed.push(name);
      reclaimedBytes += bytes;
    }
    return { removed, reclaimedBytes };
  }

  /** Blocks on the disk; 0 for a directory of the host that has a name only. */
  async diskBytesOf(name: string): Promise<number> {
    const volume = this.#volumes.get(name);
    return volume ? await diskBytes(volume.files.dir) : 0;
  }

  /** Where the data of a volume is; undefined if there is none of that name. */
  pathOf(name: string): string | undefined {
    const volume = this.#volumes.get(name);
    return volume && pathOf(volume);
  }

  /**
   * Gives a volume to a VM that starts. Waits while another VM fills it, unless that has it for itself.
   * Several volumes are to be opened in the order of their names, each once.
   * @throws the signal's reason; VOLUME_NOT_FOUND, VOLUME_IN_USE, STATE_CORRUPT, MOUNT_INVALID
   */
  async open(opening: VolumeOpening, signal: AbortSignal): Promise<VolumeLease> {
    const { name, vmId, copies, neverRan, readOnly } = opening;
    const volume = this.#get(name);
    const kind = kindOf(volume);
    while (volume.filling && kind === "directory") await unlessAborted(volume.filling, signal);
    const { record } = volume;
    if (record instanceof MockerError) throw record;
    const path = pathOf(volume);
    const alone = volume.opened.size === 0;
    const clear = record.filling === true && alone;
    const empty = kind === "block" ? isEmptyBlock(record, readOnly) : isEmpty(path);
    const fill = copies && (clear || (neverRan && empty !== false));
    let writes = !readOnly || fill || clear;
    if (kind === "block") {
      // To play the journal is to write.
      writes ||= isDirty(path);
      this.#refuseSecondWriter(volume, name, { vmId, writes });
    }
    // Marked only where there is certainly nothing that could be lost: with the mark what is there is
    // removed.
    const marks = fill && empty === true && alone && boundDirectory(record.options) === undefined;
    const isNewWriter = kind === "block" && writes && record.writer !== vmId;
    if (marks || isNewWriter) {
      this.#update(volume, {
        ...record,
        ...(marks ? { filling: true } : {}),
        ...(isNewWriter ? { writer: vmId } : {}),
      });
    }
    volume.opened.set(vmId, writes);
    let done = (): void => undefined;
    if (fill || clear) {
      volume.filling = new Promise((resolve) => {
        done = () => {
          volume.filling = undefined;
          done = () => undefined;
          resolve();
        };
      });
    }
    try {
      await checkSource(name, path, kind);
      signal.throwIfAborted();
    } catch (error) {
      volume.opened.delete(vmId);
      done();
      throw error;
    }
    this.#publish(name, "mount", {
      container: vmId,
      destination: opening.target,
      propagation: "",
      "read/write": String(!opening.readOnly),
    });
    return {
      path,
      kind,
      writes,
      fill,
      clear,
      filled: () => {
        const { record: now } = volume;
        if (!(now instanceof MockerError) && now.filling) {
          const { filling: _, ...rest } = now;
          this.#update(volume, rest);
        }
        done();
      },
      close: () => {
        done();
        this.#close(volume, name, vmId);
      },
    };
  }

  /** A VM that was taken over has this volume. The function that is returned is to be called at its end. */
  adopt(name: string, vmId: string): () => void {
    const volume = this.#volumes.get(name);
    if (!volume) return () => undefined;
    const { record } = volume;
    const mayWrite = record instanceof MockerError || record.writer === vmId;
    volume.opened.set(vmId, mayWrite);
    return () => this.#close(volume, name, vmId);
  }

  /** Two kernels with one file system destroy it, and one that reads while another writes reads nonsense. */
  #refuseSecondWriter(
    volume: Volume,
    name: string,
    { vmId, writes }: { vmId: string; writes: boolean },
  ): void {
    for (const [other, otherWrites] of volume.opened) {
      if (other === vmId || (!writes && !otherWrites)) continue;
      throw new MockerError(
        "VOLUME_IN_USE",
        `volume ${name} is in use by the VM ${this.#nameOf(other)}: a block volume has one writer`,
        {
          hint: "Stop that VM first. Several VMs can have it at once only when all mount it read-only (:ro).",
          details: { users: [other] },
        },
      );
    }
  }

  /** @throws INVALID_ARGUMENT for a size that the host's file system cannot have */
  #create(record: VolumeRecord, imageBytes: number | undefined): VolumeFiles {
    try {
      return this.#dir.create(record, imageBytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EFBIG" || imageBytes === undefined) throw error;
      throw new MockerError(
        "INVALID_ARGUMENT",
        `create ${record.name}: the file system of ${this.#dir.path} has no files of ${binarySize(imageBytes)}`,
        { hint: "Make it smaller with --opt size=…", cause: error },
      );
    }
  }

  #close(volume: Volume, name: string, vmId: string): void {
    if (volume.opened.delete(vmId)) this.#publish(name, "unmount", { container: vmId });
  }

  #update(volume: Volume, record: VolumeRecord): void {
    volume.files.write(record);
    volume.record = record;
  }

  #get(name: string): Volume {
    const volume = this.#volumes.get(name);
    if (!volume) throw noSuchVolume(name);
    return volume;
  }

  async #remove(name: string, volume: Volume): Promise<void> {
    this.#volumes.delete(name);
    try {
      const erased = this.#dir.remove(name);
      this.#publish(name, "destroy", {});
      await erased;
    } catch (error) {
      // What could not be erased is swept by the next engine; what could not even be renamed is still there.
      if (await exists(volume.files.dir)) this.#volumes.set(name, volume);
      throw error;
    }
  }

  #summary(volume: Volume, name: string): VolumeSummary {
    const { record } = volume;
    const users = this.#usersOf(name);
    const mountpoint = pathOf(volume);
    if (record instanceof MockerError) {
      const nothing = { createdAt: "", anonymous: false, labels: {}, options: {} };
      return { name, driver: "local", mountpoint, users, broken: record.message, ...nothing };
    }
    const { driver, createdAt, anonymous, labels, options } = record;
    return { name, driver, createdAt, mountpoint, anonymous, labels, options, users };
  }

  #publish(name: string, action: string, attributes: Record<string, string>): void {
    this.#events.publish("volume", action, { id: name, attributes: { driver: "local", ...attributes } });
  }
}

async function readRecord(files: VolumeFiles, name: string): Promise<VolumeRecord | MockerError> {
  const corrupt = (why: string, cause?: unknown): MockerError =>
    new MockerError("STATE_CORRUPT", `volume ${name}: ${why}`, {
      hint: `Remove it with: mocker volume rm ${name}`,
      cause,
    });
  try {
    const record = await files.read();
    if (!record) return corrupt(`${files.recordPath} is missing`);
    if (record.name !== name) return corrupt(`${files.recordPath} is of another volume`);
    const wrong = misshapen(record);
    if (wrong !== undefined) return corrupt(`${files.recordPath} is damaged: ${wrong}`);
    return record;
  } catch (error) {
    if (isOutOfDescriptors(error)) throw error;
    return corrupt(error instanceof Error ? error.message : String(error), error);
  }
}

/** The first member that is not as it should be. */
function misshapen({ createdAt, labels, options, anonymous }: VolumeRecord): string | undefined {
  if (typeof createdAt !== "string" || Number.isNaN(Date.parse(createdAt))) return "createdAt";
  if (!isTexts(labels)) return "labels";
  if (!isTexts(options)) return "options";
  return typeof anonymous === "boolean" ? undefined : "anonymous";
}

function isTexts(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((text) => typeof text === "string");
}

/** A bound directory's data stays where it is. */
function pathOf(volume: Volume): string {
  const { record, files } = volume;
  if (kindOf(volume) === "block") return files.imagePath;
  const bound = record instanceof MockerError ? undefined : boundDirectory(record.options);
  return bound ?? files.dataPath;
}

function kindOf({ record }: Volume): "directory" | "block" {
  return !(record instanceof MockerError) && isBlock(record.options) ? "block" : "directory";
}

function noSuchVolume(name: string): MockerError {
  return new MockerError("VOLUME_NOT_FOUND", `get ${name}: no such volume`);
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** @throws MOUNT_INVALID in Docker's words for a bound directory, or a disk, that is not there */
async function checkSource(name: string, path: string, kind: "directory" | "block"): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (kind === "block" ? found?.isFile() : found?.isDirectory()) return;
  const wanted = kind === "block" ? "not a file" : "not a directory";
  const why = found ? wanted : "no such file or directory";
  throw new MockerError("MOUNT_INVALID", `error while mounting volume '${name}': ${path}: ${why}`);
}

/** Undefined where we may not look: a guest's user has it for itself. */
function isEmpty(path: string): boolean | undefined {
  try {
    return readdirSync(path).length === 0;
  } catch {
    return undefined;
  }
}

/**
 * What is in a disk nobody looks at here. It is empty while no VM has written to it; afterwards the guest
 * agent finds out, where the VM may write.
 */
function isEmptyBlock(record: VolumeRecord, readOnly: boolean): boolean | undefined {
  if (record.writer === undefined) return true;
  return readOnly ? false : undefined;
}

/** False where there is no disk to read: that is said later. */
function isDirty(path: string): boolean {
  try {
    return needsRecovery(path);
  } catch {
    return false;
  }
}

function changeOf({ type, action, actor: { id } }: EngineEvent): VolumeChange | undefined {
  if (type !== "volume") return undefined;
  if (action === "create") return { kind: "created", name: id };
  return { kind: action === "destroy" ? "removed" : "changed", name: id };
}
