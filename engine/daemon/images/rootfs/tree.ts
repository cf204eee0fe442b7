import { Attributes, type Kind, kind } from "../layers/layer-index.ts";

/**
 * A file, directory, link or device of an image, apart from its names. Strings are binary ones, see
 * layer-index.ts.
 */
export class Inode extends Attributes {
  /** Never a whiteout, an opaque mark or a hard link. */
  readonly kind: Kind;
  /** Number of the layer whose data has the contents, at `dataOffset`. */
  readonly dataLayer: number;
  /** Number of a file's names; meaningless for directories. */
  readonly links: number;
  /** By name, sorted; only directories have children. */
  readonly children: Map<string, Inode> | undefined;

  constructor(list: Buffer, at: number) {
    super(list, at + prefixBytes);
    this.kind = list.readUInt8(at + prefixBytes) as Kind;
    this.dataLayer = list.readUInt32LE(at + 4);
    this.links = list.readUInt32LE(at + 8);
    this.children = this.kind === kind.directory ? new Map() : undefined;
  }
}

/** Bytes before each entry of a listing. */
const prefixBytes = 16;

/** The root directory of a tree in the format of native/codec/src/listing.rs. */
export function readTree(list: Buffer): Inode {
  const root = new Inode(list, 0);
  const records = [root];
  for (let at = root.end; at < list.length; ) {
    const directory = records[list.readUInt32LE(at)];
    const known = records[list.readUInt32LE(at + 12)];
    const inode = known ?? new Inode(list, at);
    // A further name of a file has its entry, too.
    const entry = known === undefined ? inode : new Attributes(list, at + prefixBytes);
    directory?.children?.set(entry.path, inode);
    records.push(inode);
    at = entry.end;
  }
  return root;
}
