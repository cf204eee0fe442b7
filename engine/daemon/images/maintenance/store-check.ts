import { existsSync, lstatSync, readdirSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { temporaryName } from "../../../common/atomic-file.ts";
import { type Digest, shortDigest } from "../../../docker/digest.ts";
import { familiar, parseReference } from "../../../docker/reference.ts";
import { MockerError, scrub } from "../../../protocol/errors.ts";
import type { StoreProblem, SystemCheckResult } from "../../../protocol/system.ts";
import type { ImageAdopter } from "../ingest/image-adopter.ts";
import { blobFault, deepLayerFault, layerFault } from "../layers/layer-check.ts";
import type { LayerConversionQueue } from "../layers/layer-conversion-queue.ts";
import { parseConfig, parseManifest } from "../oci/manifest.ts";
import { type ImageCatalog, nameOf } from "../records/image-catalog.ts";
import { type ImageRecord, keysOf, recordChain } from "../records/image-records.ts";
import { rescueRecord } from "../records/record-rescue.ts";
import { isTombstone } from "../records/tombstones.ts";
import type { ImageRoots } from "../rootfs/image-roots.ts";
import type { RootStore } from "../rootfs/root-store.ts";
import { runStoreJob } from "../rootfs/store-thread.ts";
import { type ContentStore, readText } from "../store/content-store.ts";
import { type Garbage, ownNames } from "../store/garbage.ts";
import { removeTree } from "../store/remove-tree.ts";

export interface StoreCheckDeps {
  store: ContentStore;
  catalog: ImageCatalog;
  garbage: Garbage;
  conversions: LayerConversionQueue;
  disks: RootStore;
  roots: ImageRoots;
  adopter: ImageAdopter;
}

export interface CheckOptions {
  deep?: boolean;
  repair?: boolean;
  /** IDs of images that running VMs use: their unpacked roots stay where they are. */
  running?: ReadonlySet<string>;
  signal?: AbortSignal;
  onSubject?: (subject: string) => void;
}

/**
 * Proves the store: that every record's blobs are there and are what their digests say, that what is derived
 * from them is sound, and that nothing is there for no reason. Each thing is looked at once, whichever images
 * have it.
 */
export class StoreCheck {
  readonly #deps: StoreCheckDeps;
  readonly #options: CheckOptions;
  readonly #signal: AbortSignal;
  readonly #seen = new Set<string>();
  readonly #problems: StoreProblem[] = [];
  readonly #checked = { images: 0, blobs: 0, layers: 0, roots: 0, vms: 0 };

  constructor(deps: StoreCheckDeps, options: CheckOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#signal = options.signal ?? new AbortController().signal;
  }

  async run(): Promise<SystemCheckResult> {
    const { catalog, garbage } = this.#deps;
    this.#rescueRecords();
    await this.#checkForeign();
    // Images that are removed meanwhile keep their data until it was checked: its absence would look like
    // damage.
    const pins: string[] = [];
    const records = catalog.records.all();
    for (const record of records) garbage.pin(pins, ...keysOf(record));
    try {
      for (const record of records) await this.#checkImage(record);
      this.#checkLayout();
      await this.#checkOrphans();
      await this.#checkIngest();
    } finally {
      await garbage.release(pins);
    }
    return { problems: this.#problems, checked: this.#checked };
  }

  #report(
    severity: StoreProblem["severity"],
    subject: string,
    problem: string,
    hint: string,
    repaired = false,
  ) {
    // Subjects and problems quote texts of images and other programs.
    const words = { subject: scrub(subject), problem: scrub(problem) };
    this.#problems.push({ severity, ...words, hint, repaired });
  }

  #look(subject: string): void {
    this.#signal.throwIfAborted();
    this.#options.onSubject?.(scrub(subject));
  }

  #first(key: string): boolean {
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  #rescueRecords(): void {
    const { catalog, store } = this.#deps;
    for (const path of catalog.records.damaged) {
      const subject = `record ${path}`;
      const record = rescueRecord(store, catalog, path);
      const name = record ? nameOf(record) : shortDigest(`sha256:${basename(path, ".json")}`);
      if (!record)
        this.#report(
          "error",
          subject,
          "is damaged, and the rest of the image is not there to make it again",
          `Pull the image again (ID ${name}); if you no longer want it, remove the file.`,
        );
      else if (!this.#options.repair)
        this.#report(
          "error",
          subject,
          `of the image ${name} is damaged`,
          "Run: mocker system check --repair",
        );
      else {
        catalog.commit(record, Object.keys(record.tags));
        this.#report("error", subject, `of the image ${name} is damaged`, "Made again.", true);
      }
    }
  }

  /** Checks images that other programs have put into the store. */
  async #checkForeign(): Promise<void> {
    const { adopter } = this.#deps;
    const { deep = false, repair = false } = this.#options;
    for (const image of adopter.images()) {
      const subject = `image ${image.name}${image.name === image.digest ? "" : ` (${shortDigest(image.digest)})`}`;
      this.#look(subject);
      let fault = await adopter.fault(image, deep, this.#signal);
      if (fault === undefined && repair) {
        try {
          await adopter.adopt(image, this.#signal);
        } catch (error) {
          this.#signal.throwIfAborted();
          if (!(error instanceof MockerError)) throw error;
          fault = error.message;
        }
      }
      if (fault === undefined)
        this.#report(
          "note",
          subject,
          "was put into the store by another program",
          repair ? "Taken over." : "Taken over by: mocker system check --repair",
          repair,
        );
      else {
        if (repair) adopter.reject(image);
        this.#report(
          "error",
          subject,
          `was put into the store by another program and cannot be used: ${fault}`,
          repair
            ? "Taken off the list."
            : "Bring it again, or take it off the list with: mocker system check --repair",
          repair,
        );
      }
    }
  }

  async #checkImage(record: ImageRecord): Promise<void> {
    this.#checked.images++;
    const name = nameOf(record);
    this.#checkRecord(record, name);
    const sound = await this.#checkDocuments(record, name);
    const soundLayers = new Map<Digest, boolean>();
    for (const [number, layer] of record.layers.entries()) {
      const blobSound = await this.#checkBlob(record, layer.digest, layer.sizeBytes, `of ${name}`);
      const called = `${name}, layer ${number + 1} of ${record.layers.length}`;
      soundLayers.set(layer.diffId, await this.#checkLayer(record, layer, called, blobSound));
    }
    for (const { digest, size, blobs } of record.attestations ?? []) {
      await this.#checkBlob(record, digest, size, `(attestation) of ${name}`, true);
      for (const blob of blobs)
        await this.#checkBlob(record, blob.digest, blob.size, `(of an attestation) of ${name}`);
    }
    if (sound && [...soundLayers.values()].every(Boolean)) await this.#checkRoot(record, name);
  }

  /** Checks the record's file: the copy in memory is good, the file may have been damaged since. */
  #checkRecord(record: ImageRecord, name: string): void {
    const { records } = this.#deps.catalog;
    // If the record has changed or gone meanwhile, the catalogue has just written it.
    if (records.get(record.id) !== record || records.isIntact(record)) return;
    if (this.#options.repair) records.put(record);
    this.#report(
      "error",
      `record of ${name}`,
      "is damaged",
      this.#options.repair ? "Written again." : "Run: mocker system check --repair",
      this.#options.repair ?? false,
    );
  }

  /** Manifest and configuration: always read, they are small. */
  async #checkDocuments(record: ImageRecord, name: string): Promise<boolean> {
    const { store } = this.#deps;
    const size = existsSync(store.blobPath(record.id)) ? lstatSync(store.blobPath(record.id)).size : 0;
    const found = [
      await this.#checkBlob(
        record,
        record.manifest.digest,
        record.manifest.size,
        `(manifest) of ${name}`,
        true,
      ),
      await this.#checkBlob(record, record.id, size, `(configuration) of ${name}`, true),
    ];
    if (!found.every(Boolean)) return false;
    const key = `documents ${record.id}`;
    if (!this.#first(key)) return true;
    try {
      const manifest = parseManifest(store.readBlob(record.manifest.digest), record.manifest.mediaType, name);
      if (manifest.kind !== "manifest") throw new MockerError("IMAGE_INVALID", "its manifest is an index");
      const { diffIds } = parseConfig(store.readBlob(record.id), name, manifest.layers.length);
      const agrees =
        manifest.config.digest === record.id &&
        manifest.layers.length === record.layers.length &&
        record.layers.every(
          ({ digest, diffId, sizeBytes }, i) =>
            manifest.layers[i]?.digest === digest &&
            manifest.layers[i]?.size === sizeBytes &&
            diffIds[i] === diffId,
        );
      if (agrees) return true;
      this.#report("error", `record of ${name}`, "names other layers than its manifest", pullHint(record));
    } catch (error) {
      this.#report("error", `image ${name}`, (error as Error).message, pullHint(record));
    }
    return false;
  }

  readonly #soundBlobs = new Map<Digest, boolean>();

  async #checkBlob(
    record: ImageRecord,
    digest: Digest,
    size: number,
    where: string,
    whole = this.#options.deep ?? false,
  ): Promise<boolean> {
    const known = this.#soundBlobs.get(digest);
    if (known !== undefined) return known;
    const { store } = this.#deps;
    const subject = `blob ${digest} ${where}`;
    this.#look(subject);
    this.#checked.blobs++;
    const fault = await blobFault(store, digest, size, whole, this.#signal);
    this.#soundBlobs.set(digest, fault === undefined);
    if (fault === undefined) return true;
    const isThere = existsSync(store.blobPath(digest));
    // A pull would take a damaged blob of the right size for the right one.
    if (isThere && this.#options.repair) await this.#discard(store.blobPath(digest));
    const done = isThere && this.#options.repair ? "Removed. " : "";
    this.#report("error", subject, fault, `${done}${pullHint(record)}`);
    return false;
  }

  /** Checks a converted layer, which may be missing: it is made of its blob when it is needed. */
  async #checkLayer(
    record: ImageRecord,
    layer: ImageRecord["layers"][number],
    called: string,
    blobSound: boolean,
  ): Promise<boolean> {
    const { store, conversions, catalog, roots } = this.#deps;
    const { diffId } = layer;
    if (!this.#first(diffId)) return store.hasLayer(diffId);
    const subject = `converted layer ${shortDigest(diffId)} (${called})`;
    this.#look(subject);
    this.#checked.layers++;
    let fault = layerFault(store, diffId);
    if (fault === undefined && this.#options.deep && blobSound)
      fault = await deepLayerFault(store, conversions, layer, called, this.#signal).catch(
        (error: unknown) => {
          this.#signal.throwIfAborted();
          return `cannot be made of its blob: ${(error as Error).message}`;
        },
      );
    if (fault === undefined) {
      if (!store.hasLayer(diffId) && !blobSound)
        this.#report("error", subject, "is missing, and so is what it is made of", pullHint(record));
      return store.hasLayer(diffId);
    }
    if (!blobSound) {
      this.#report("error", subject, fault, pullHint(record));
      return false;
    }
    if (this.#options.repair) {
      const { index, data } = store.layerPaths(diffId);
      roots.forget(catalog.records.all().filter(({ layers }) => layers.some((l) => l.diffId === diffId)));
      await this.#discard(index.replace(/index$/, "synced"), index, data);
    }
    this.#report(
      "error",
      subject,
      fault,
      this.#options.repair
        ? "Thrown away: it is made again from its blob when it is needed."
        : "Run: mocker system check --repair",
      this.#options.repair ?? false,
    );
    return false;
  }

  async #checkRoot(record: ImageRecord, name: string): Promise<void> {
    const { disks, roots } = this.#deps;
    const chain = recordChain(record);
    if (!this.#first(`root ${chain}`)) return;
    const subject = `root disk ${shortDigest(chain)} of ${name}`;
    this.#look(subject);
    this.#checked.roots++;
    const diffIds = record.layers.map(({ diffId }) => diffId);
    let fault = disks.fault(chain);
    if (fault === undefined && this.#options.deep) fault = await disks.deepFault(chain, diffIds, name);
    if (fault !== undefined) {
      if (this.#options.repair) roots.forget([record]);
      this.#derived(subject, fault, true);
    }
    const directory = roots.unpacked(record);
    if (directory === undefined || !this.#options.deep) return;
    const unpacked = `unpacked root ${directory} of ${name}`;
    this.#look(unpacked);
    const difference = await runStoreJob(
      { op: "compare", directory, ...roots.treeOf(record) },
      { signal: this.#signal },
    );
    if (difference === undefined) return;
    // Running simulations have the directory as their root.
    const inUse = this.#users(chain);
    if (this.#options.repair && !inUse) await this.#discard(`${directory}.synced`, directory);
    this.#derived(unpacked, difference, !inUse);
  }

  #derived(subject: string, fault: string, free: boolean): void {
    const repaired = (this.#options.repair ?? false) && free;
    this.#report(
      "error",
      subject,
      fault,
      repaired
        ? "Thrown away: it is made again when it is needed."
        : free
          ? "Run: mocker system check --repair"
          : "Stop the VMs of the image and run: mocker system check --repair",
      repaired,
    );
  }

  /** Whether a running VM uses an image with the chain. */
  #users(chain: Digest): boolean {
    const running = this.#options.running ?? new Set();
    return this.#deps.catalog.records
      .all()
      .some((record) => running.has(record.id) && recordChain(record) === chain);
  }

  /** Checks index.json and oci-layout, which other tools read. */
  #checkLayout(): void {
    const { store, catalog } = this.#deps;
    const foreign = catalog.foreign();
    const entries = [...catalog.layout(), ...foreign];
    const isLayout = (readText(join(store.dir, "oci-layout")) ?? "").includes('"imageLayoutVersion"');
    // Another program has its own way to write it.
    const listed = new Set(store.readLayout().map(({ digest, name }) => JSON.stringify([digest, name])));
    const isRight =
      store.hasLayout(entries) ||
      (foreign.length > 0 && entries.every(({ digest, name }) => listed.has(JSON.stringify([digest, name]))));
    if (isRight && isLayout) return;
    if (this.#options.repair) {
      store.writeVersion();
      store.writeLayout(entries);
    }
    this.#report(
      "error",
      `layout ${join(store.dir, "index.json")}`,
      "does not list the images that there are",
      this.#options.repair ? "Written again." : "Run: mocker system check --repair",
      this.#options.repair ?? false,
    );
  }

  async #checkOrphans(): Promise<void> {
    const { store, garbage, catalog } = this.#deps;
    for (const directory of ["layersDir", "rootsDir", "rootfsDir"] as const)
      for (const name of readdirSync(store[directory]))
        if (!ownNames[directory].test(name))
          this.#report(
            "note",
            `file ${join(store[directory], name)}`,
            "is none of Mocker's",
            "Remove it if you like.",
          );
    // While a record cannot be read nothing can be called an orphan.
    if (catalog.records.damaged.length > 0) return;
    const orphans = new Map<string, string>();
    const isNeeded = garbage.needs();
    for (const { kind, key, path } of garbage.items())
      if (!isNeeded(key)) orphans.set(`${kind === "directory" ? "unpacked root" : kind} ${key}`, path);
    if (orphans.size === 0) return;
    if (this.#options.repair) await garbage.sweep(() => true);
    for (const subject of orphans.keys())
      this.#report(
        "note",
        subject,
        "belongs to no image: a pull that was not ended left it, for the next one to use",
        this.#options.repair ? "Removed." : "Pull again, or free the space with: mocker image prune",
        this.#options.repair ?? false,
      );
  }

  async #checkIngest(): Promise<void> {
    const { store, garbage } = this.#deps;
    const isNeeded = garbage.needs();
    for (const name of readdirSync(store.ingestDir)) {
      const path = join(store.ingestDir, name);
      const partial = /^([a-z0-9]+)-([0-9a-f]+)\.partial$/.exec(name);
      if (partial) {
        if (isNeeded(`${partial[1]}:${partial[2]}`)) continue;
        this.#report(
          "note",
          `download ${partial[1]}:${partial[2]}`,
          "was not ended; the next pull goes on with it",
          "Pull again, or free the space with: mocker image prune",
        );
        continue;
      }
      // Temporary names have their process's ID: this engine's are in use.
      const owner = /\.([0-9]+)-[0-9]+\.tmp/.exec(name)?.[1];
      if (isTombstone(name) || owner === String(process.pid)) continue;
      if (this.#options.repair) await this.#discard(path);
      this.#report(
        "note",
        `file ${path}`,
        "was left by an engine that ended",
        this.#options.repair ? "Removed." : "Run: mocker system check --repair",
        this.#options.repair ?? false,
      );
    }
  }

  /** Removes paths, all at once, so that none of them is made again in between. */
  async #discard(...paths: string[]): Promise<void> {
    const hidden = paths.filter(existsSync).map((path) => {
      const target = join(this.#deps.store.ingestDir, temporaryName("removed"));
      renameSync(path, target);
      return target;
    });
    for (const path of hidden) await removeTree(path);
  }
}

/** The hint how to get an image back. */
function pullHint(record: ImageRecord): string {
  const [tag] = Object.keys(record.tags);
  const [digest] = record.repoDigests;
  const name = digest === undefined ? undefined : (tag ?? digest);
  return name === undefined
    ? `Bring the image ${nameOf(record)} again from where it came: mocker load, import or pull.`
    : `Run: mocker pull ${familiar(parseReference(name))}`;
}
