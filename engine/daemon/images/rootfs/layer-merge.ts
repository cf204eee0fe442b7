import { RootError, RootMerge } from "../../../../native/index.ts";
import { TarError } from "../../../common/tar/tar-header.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { type Inode, readTree } from "./tree.ts";

/** A converted layer. */
export interface MergeLayer {
  indexPath: string;
  dataPath: string;
  /** How the layer is called in messages. */
  name: string;
}

/** The size of an image's file system. */
export interface RootResult {
  metadataBytes: number;
  /** Numbers of the layers whose data the file system refers to, in the order of their extents. */
  extents: { layer: number; bytes: number }[];
  inodes: number;
}

/**
 * Merges the layers of an image, bottom first, in the thread pool. A merge can begin while upper layers are
 * still on their way, because it takes longer than the last layer's conversion. Errors name the layer:
 * IMAGE_INVALID, STATE_CORRUPT.
 */
export class LayerMerge {
  readonly #merge = new RootMerge();
  readonly #applied: MergeLayer[] = [];
  #last: Promise<void> = Promise.resolve();

  /** Applies those of `layers` that are not applied yet: earlier calls had the first of them. */
  apply(layers: readonly MergeLayer[]): Promise<void> {
    this.#last = this.#last.then(() => this.#apply(layers));
    // The rejection reaches the caller of write() or tree().
    this.#last.catch(() => {});
    return this.#last;
  }

  /** Writes the file system's metadata to a new file. */
  async write(metadataPath: string, uuid: string): Promise<RootResult> {
    await this.#last;
    const dataPaths = this.#applied.map(({ dataPath }) => dataPath);
    const { extents, ...sizes } = await this.#merge
      .write(metadataPath, uuid, dataPaths)
      .catch(explain(this.#applied[0]?.name ?? "the image"));
    return {
      ...sizes,
      extents: extents.map((bytes, layer) => ({ layer, bytes })).filter(({ bytes }) => bytes > 0),
    };
  }

  /** The tree's root directory. */
  async tree(): Promise<Inode> {
    await this.#last;
    return readTree(await this.#merge.list());
  }

  close(): void {
    this.#merge.close();
  }

  async #apply(layers: readonly MergeLayer[]): Promise<void> {
    for (const layer of layers.slice(this.#applied.length)) {
      await this.#merge.apply(layer.indexPath).catch(explain(layer.name));
      this.#applied.push(layer);
    }
  }
}

function explain(name: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof RootError)) throw error;
    const message = `${name}: ${error.message}`;
    if (error.fault === "invalid") throw new TarError(message);
    if (error.fault === "damaged")
      throw new MockerError("STATE_CORRUPT", message, {
        hint: 'Repair it with "mocker system check --repair".',
      });
    throw new Error(message || `${name} cannot be merged`);
  };
}
