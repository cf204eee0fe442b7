import { MockerError } from "../protocol/errors.ts";
import type { ImageRemoveResult } from "../protocol/image.ts";
import { shortDigest } from "./digest.ts";
import { type Garbage, keysOf } from "./garbage.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import { canonicalName, familiar, parseReference } from "./reference.ts";

export interface RemoveOptions {
  force?: boolean | undefined;
  /** Names of the VMs that use an image. */
  inUse?: (imageId: string) => string[];
}

/** Takes images out of the store. */
export class ImageRemover {
  readonly #catalog: ImageCatalog;
  readonly #garbage: Garbage;

  constructor(catalog: ImageCatalog, garbage: Garbage) {
    this.#catalog = catalog;
    this.#garbage = garbage;
  }

  /**
   * Docker's `rmi`: takes a name away, and with the last name the image. With `force` an image that VMs use loses its names; it
   * goes when no VM needs it and it is removed again.
   */
  async remove(refOrId: string, options: RemoveOptions = {}): Promise<ImageRemoveResult> {
    const record = this.#catalog.find(refOrId);
    const force = options.force ?? false;
    const users = options.inUse?.(record.id) ?? [];
    const short = shortDigest(record.id);
    const byId = this.#catalog.referenceTo(record, refOrId) === undefined;
    const tag = byId ? undefined : this.#catalog.referenceTo(record, refOrId);
    const tags = Object.keys(record.tags);
    const result: ImageRemoveResult = { untagged: [], deleted: [] };

    if (tag !== undefined && (tags.length > 1 || !tags.includes(tag))) {
      const names = new Set(
        tags.filter((name) => name !== tag).map((name) => canonicalName(parseReference(name))),
      );
      const repository = canonicalName(parseReference(tag));
      // The digests of a repository go with its last tag.
      const digests = tags.includes(tag)
        ? record.repoDigests.filter(
            (name) => !names.has(repository) && canonicalName(parseReference(name)) === repository,
          )
        : [tag];
      if (tags.length > 0 || record.repoDigests.length > digests.length) {
        this.#catalog.update(record, {
          ...record,
          tags: Object.fromEntries(Object.entries(record.tags).filter(([name]) => name !== tag)),
          repoDigests: record.repoDigests.filter((name) => !digests.includes(name)),
        });
        result.untagged = [...(tags.includes(tag) ? [tag] : []), ...digests].map((name) =>
          familiar(parseReference(name)),
        );
        return result;
      }
    }
    if (users.length > 0 && !force)
      throw new MockerError(
        "IMAGE_IN_USE",
        byId
          ? `conflict: unable to delete ${short} (must be forced) - image is being used by ${list(users)}`
          : `conflict: unable to remove repository reference "${refOrId}" (must force) - ${list(users)} is using its referenced image ${short}`,
        {
          hint: "Remove the VM first, or use --force to take only the image's names away.",
          details: { vms: users },
        },
      );
    const repositories = new Set(tags.map((name) => canonicalName(parseReference(name))));
    if (byId && repositories.size > 1 && !force)
      throw new MockerError(
        "IMAGE_IN_USE",
        `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
        { hint: "Remove its names one by one, or use --force." },
      );
    result.untagged = [...tags, ...record.repoDigests].map((name) => familiar(parseReference(name)));
    if (users.length > 0) {
      this.#catalog.update(record, { ...record, tags: {}, repoDigests: [] });
      return result;
    }
    // The record first: from then on the rest is garbage, whatever happens.
    this.#catalog.delete(record.id);
    const own = keysOf(record);
    result.deleted = [record.id, ...(await this.#garbage.sweep((key) => own.has(key)))];
    this.#catalog.removed(record.id);
    return result;
  }
}

function list(names: string[]): string {
  return `${names.length === 1 ? "VM" : "VMs"} ${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}`;
}
