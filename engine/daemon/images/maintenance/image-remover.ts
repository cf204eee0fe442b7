import { chainId, type Digest, shortDigest } from "../../../docker/digest.ts";
import { canonicalName, familiar, parseReference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImageRemoveResult } from "../../../protocol/image.ts";
import type { ImageCatalog } from "../records/image-catalog.ts";
import type { ImageEvents } from "../records/image-events.ts";
import type { ImageRecord } from "../records/image-records.ts";
import type { Tombstones } from "../records/tombstones.ts";

/** A VM that was made from an image. */
export interface ImageUser {
  /** 64 hex digits. */
  id: string;
  name: string;
  running: boolean;
}

export interface RemoveOptions {
  force?: boolean | undefined;
  inUse?: (imageId: string) => ImageUser[];
  /** Counts what is freed on the disk. */
  measure?: boolean;
}

/** The result of a removal; `bytes` only if it was to be measured. */
export interface Removed extends ImageRemoveResult {
  bytes: number;
}

/** Removes images from the store. */
export class ImageRemover {
  readonly #catalog: ImageCatalog;
  readonly #tombstones: Tombstones;
  readonly #events: ImageEvents;

  constructor(catalog: ImageCatalog, tombstones: Tombstones, events: ImageEvents) {
    this.#catalog = catalog;
    this.#tombstones = tombstones;
    this.#events = events;
  }

  /**
   * Docker's `rmi` (moby, daemon/images/image_delete.go): takes a name away, and with the last name the
   * image. An image that VMs use only loses its names, even with `force`: a VM can always be started again.
   * The image goes when no VM needs it and it is removed again.
   */
  async remove(refOrId: string, options: RemoveOptions = {}): Promise<Removed> {
    const record = this.#catalog.find(refOrId);
    const force = options.force ?? false;
    const users = options.inUse?.(record.id) ?? [];
    const name = this.#catalog.referenceTo(record, refOrId);
    const references = [...Object.keys(record.tags), ...record.repoDigests].sort();
    if (!force) this.#refuseAwaited(record, name, refOrId);

    const doomed = name === undefined ? references : withDigests(name, references);
    if (name === undefined) refuseById(record, references, users, force);
    else if (!force && isSingle(references)) refuseByName(record, refOrId, users);

    const result: Removed = {
      untagged: doomed.map((reference) => familiar(parseReference(reference))),
      deleted: [],
      bytes: 0,
    };
    if (doomed.length < references.length || users.length > 0) {
      this.#catalog.update(record, {
        ...record,
        tags: Object.fromEntries(Object.entries(record.tags).filter(([tag]) => !doomed.includes(tag))),
        repoDigests: record.repoDigests.filter((digest) => !doomed.includes(digest)),
      });
      this.#events.untagged(record.id, result.untagged);
      return result;
    }
    // The record first: from then on the rest is garbage, whatever happens.
    this.#catalog.delete(record.id, this.#tombstones.path(record.id));
    const { layers, bytes } = await this.#tombstones.collectRemoved(record, {
      measure: options.measure ?? false,
    });
    result.deleted = [record.id, ...chainIds(record, new Set(layers))];
    result.bytes = bytes;
    this.#catalog.removed(record.id);
    this.#events.untagged(record.id, result.untagged);
    this.#events.changed("delete", record.id);
    return result;
  }

  /** Refuses to remove a name that a pull is about to give to its image. */
  #refuseAwaited(record: ImageRecord, name: string | undefined, typed: string): void {
    const { awaited } = this.#catalog;
    if (name !== undefined && awaited.has(name))
      throw new MockerError(
        "IMAGE_IN_USE",
        `conflict: unable to remove repository reference "${typed}" (must force) - it is being pulled`,
        { hint: "Wait for the pull to end, or cancel it." },
      );
    if (name === undefined && Object.keys(record.tags).some((tag) => awaited.has(tag)))
      throw conflict(
        record,
        "must be forced",
        "image is being pulled",
        "Wait for the pull to end, or cancel it.",
      );
  }
}

/** A name, and the digests of its repository if it is the last tag there: they go together. */
function withDigests(name: string, references: readonly string[]): string[] {
  if (isCanonical(name)) return [name];
  const repository = repositoryOf(name);
  const own = references.filter((other) => other !== name && repositoryOf(other) === repository);
  return own.every(isCanonical) ? [name, ...own] : [name];
}

function refuseByName(record: ImageRecord, typed: string, users: readonly ImageUser[]): void {
  const [user] = users;
  if (!user) return;
  throw new MockerError(
    "IMAGE_IN_USE",
    `conflict: unable to remove repository reference "${typed}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${shortDigest(record.id)}`,
    {
      hint: `Remove the VM first (mocker rm ${user.name}), or use --force to take only the image's name away.`,
      details: { vms: users.map(({ name }) => name) },
    },
  );
}

function refuseById(
  record: ImageRecord,
  references: readonly string[],
  users: readonly ImageUser[],
  force: boolean,
): void {
  const running = users.find((user) => user.running);
  if (running)
    throw conflict(
      record,
      "cannot be forced",
      `image is being used by running container ${running.id.slice(0, 12)}`,
      `Stop and remove the VM first: mocker rm -f ${running.name}`,
    );
  if (force) return;
  if (!isSingle(references))
    throw conflict(
      record,
      "must be forced",
      "image is referenced in multiple repositories",
      "Remove its names one by one, or use --force.",
    );
  const [stopped] = users;
  if (stopped)
    throw conflict(
      record,
      "must be forced",
      `image is being used by stopped container ${stopped.id.slice(0, 12)}`,
      `Remove the VM first (mocker rm ${stopped.name}), or use --force to take only the image's names away.`,
    );
}

function conflict(record: ImageRecord, how: string, why: string, hint: string): MockerError {
  return new MockerError(
    "IMAGE_IN_USE",
    `conflict: unable to delete ${shortDigest(record.id)} (${how}) - ${why}`,
    { hint },
  );
}

/** Whether the references are one name, with the digest that its repository knows it by at most. */
function isSingle(references: readonly string[]): boolean {
  if (references.length <= 1) return true;
  const tags = references.filter((reference) => !isCanonical(reference));
  if (tags.length > 1) return false;
  const repositories = new Set(references.map(repositoryOf));
  return repositories.size === 1;
}

function isCanonical(reference: string): boolean {
  return reference.includes("@");
}

function repositoryOf(reference: string): string {
  return canonicalName(parseReference(reference));
}

/** Docker names layers by their chains, the top one first. */
function chainIds(record: ImageRecord, removed: ReadonlySet<Digest>): Digest[] {
  const diffIds = record.layers.map(({ diffId }) => diffId);
  return diffIds
    .map((diffId, i) => (removed.has(diffId) ? chainId(diffIds.slice(0, i + 1)) : undefined))
    .filter((id) => id !== undefined)
    .reverse();
}
