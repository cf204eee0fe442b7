import { readFileSync } from "node:fs";
import { Attributes, EntryCursor, type Kind, kind } from "./layer-index.ts";
import { TarError } from "./tar-header.ts";

/** A file, directory, link or device of an image, apart from its names. Strings are binary ones, see layer-index.ts. */
export class Inode extends Attributes implements Node {
  /** Never a whiteout, an opaque mark or a hard link. */
  readonly kind: Kind;
  /** Number of the layer whose blob has the contents, at `dataOffset`. */
  readonly dataLayer: number;
  /** Names of a file; of a directory it means nothing. */
  links = 1;
  /** Only directories have children. */
  children: Map<string, Node> | undefined;
  /** A folder that no layer has an entry for, only for things in it. */
  implicit = false;
  layer: number;
  /** For whoever walks the tree: a number of its own. */
  number = -1;

  constructor(inodeKind: Kind, dataLayer: number) {
    super();
    this.kind = inodeKind;
    this.dataLayer = dataLayer;
    this.layer = dataLayer;
    this.children = inodeKind === kind.directory ? new Map() : undefined;
  }

  /** The first name's node is the inode itself, which saves one object for nearly all of them. */
  get inode(): Inode {
    return this;
  }

  override get mode(): number {
    // Linux has no modes for symlinks; all show this one.
    if (this.kind === kind.symlink) return 0o777;
    return this.implicit ? 0o755 : super.mode;
  }
  override get size(): number {
    return this.kind === kind.symlink ? this.linkBytes : super.size;
  }
}

/** One name in a directory. */
export interface Node {
  readonly inode: Inode;
  /**
   * The layer that made or last changed this name or, for a directory, anything in it: a whiteout hides only what is from
   * layers below its own.
   */
  layer: number;
}

export type Tree = Node;

/** What Linux follows before it says ELOOP. */
const maximumSymlinks = 40;

function makeDirectory(layer: number): Node {
  const inode = new Inode(kind.directory, layer);
  inode.implicit = true;
  return inode;
}

/**
 * Applies the layers of an image to one another, bottom first, as unpacking them into one folder would do (image-spec layer.md,
 * "Applying Changesets"), but nothing outside this tree can be reached: symlinks in the middle of a path are followed
 * inside it. Throws IMAGE_INVALID naming layer and entry.
 */
export class LayerMerge {
  readonly #merger = new Merger();
  readonly #applied: string[] = [];

  /** Whether these are the first of `layers`. */
  begins(layers: readonly { indexPath: string }[]): boolean {
    return this.#applied.every((path, number) => layers[number]?.indexPath === path);
  }

  /** Applies those of `layers` that are not applied yet. */
  apply(layers: readonly { indexPath: string; name: string }[]): Tree {
    for (const { indexPath, name } of layers.slice(this.#applied.length)) {
      const bytes = readFileSync(indexPath);
      try {
        this.#merger.applyIndex(bytes, this.#applied.length);
      } catch (error) {
        if (!(error instanceof TarError)) throw error;
        throw new TarError(`${name}: ${Buffer.from(error.message, "latin1").toString("utf8")}`);
      }
      this.#applied.push(indexPath);
    }
    return this.#merger.root;
  }
}

/** The state of a merge. */
export class Merger {
  readonly root: Tree = makeDirectory(-1);
  /** Entries come folder by folder, so that the last one's parent is mostly the next one's too. */
  #lastParentPath = "";
  #lastParent: Node | undefined;
  #layer = -1;

  applyIndex(index: Buffer, layer: number): void {
    for (const cursor = new EntryCursor(index); cursor.next(); ) this.apply(cursor, layer);
  }

  apply(entry: EntryCursor, layer: number): void {
    if (layer !== this.#layer) {
      this.#layer = layer;
      this.#forget();
    }
    const entryKind = entry.kind;
    const base = entry.name;
    if (entryKind === kind.whiteout) {
      this.#whiteout(entry.parentPath, base, layer);
      return;
    }
    if (entryKind === kind.opaque) {
      const directory = this.#walk(entry.path, undefined, "");
      if (directory?.inode.children) this.#hideChildren(directory.inode.children, layer);
      this.#forget();
      return;
    }
    if (base === "") {
      this.root.inode.take(entry);
      this.root.inode.implicit = false;
      this.root.layer = layer;
      return;
    }
    const parent = this.#parent(entry, layer);
    const children = parent.inode.children as Map<string, Node>;
    const existing = children.get(base);

    if (entryKind === kind.hardlink) {
      const target = this.#find(entry.link);
      if (target === undefined)
        throw new TarError(`the hard link "${entry.path}" points to "${entry.link}", which does not exist`);
      if (target.inode.kind === kind.directory)
        throw new TarError(`the hard link "${entry.path}" points to the directory "${entry.link}"`);
      if (target === existing) throw new TarError(`the hard link "${entry.path}" points to itself`);
      target.inode.links++;
      if (existing) this.#release(existing);
      children.set(base, { inode: target.inode, layer });
      return;
    }
    if (entryKind === kind.directory && existing?.inode.kind === kind.directory) {
      existing.inode.take(entry);
      existing.inode.implicit = false;
      existing.layer = layer;
      return;
    }
    if (existing) this.#release(existing);
    const inode = new Inode(entryKind, layer);
    inode.take(entry);
    children.set(base, inode);
  }

  #forget(): void {
    this.#lastParent = undefined;
  }

  /** `node` loses its name. */
  #release(node: Node): void {
    this.#forget();
    // Counts matter for files only; an explicit stack, because depth is the image's choice.
    const stack = [node];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (next.inode.children) stack.push(...next.inode.children.values());
      else next.inode.links--;
    }
  }

  #whiteout(parentPath: string, base: string, layer: number): void {
    const children = this.#walk(parentPath, undefined, "")?.inode.children;
    const node = children?.get(base);
    if (children === undefined || node === undefined) return;
    if (node.layer < layer) {
      this.#release(node);
      children.delete(base);
    } else if (node.inode.children) {
      // The layer has a new one of the same name: that stays, without what was in the old one.
      this.#hideChildren(node.inode.children, layer);
    }
    this.#forget();
  }

  #hideChildren(children: Map<string, Node>, layer: number): void {
    const stack = [children];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      for (const [name, node] of next) {
        if (node.layer < layer) {
          this.#release(node);
          next.delete(name);
        } else if (node.inode.children) stack.push(node.inode.children);
      }
    }
  }

  #parent(entry: EntryCursor, layer: number): Node {
    const path = entry.parentPath;
    if (this.#lastParent !== undefined && path === this.#lastParentPath) return this.#lastParent;
    const what = entry.path;
    const parent = this.#walk(path, layer, what);
    if (parent === undefined) throw new TarError(`"${what}" is inside of something that is no directory`);
    this.#lastParentPath = path;
    this.#lastParent = parent;
    return parent;
  }

  /** The node at `path`; its last part is not followed. */
  #find(path: string): Node | undefined {
    const slash = path.lastIndexOf("/");
    const parent = slash < 0 ? this.root : this.#walk(path.slice(0, slash), undefined, path);
    return parent?.inode.children?.get(path.slice(slash + 1));
  }

  /** Walks to a directory; missing ones are made for `layer` if that is given. */
  #walk(path: string, layer: number | undefined, what: string): Node | undefined {
    if (path === "") return this.root;
    const pending = path.split("/").reverse();
    const walked: Node[] = [this.root];
    let symlinks = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        // The root's parent is the root, also for a link that tries to leave the image.
        if (walked.length > 1) walked.pop();
        continue;
      }
      const here = walked[walked.length - 1] as Node;
      const children = here.inode.children as Map<string, Node>;
      let next = children.get(part);
      if (next === undefined) {
        if (layer === undefined) return undefined;
        if (part.length > 255) throw new TarError(`"${what}" leads through a name of ${part.length} bytes`);
        next = makeDirectory(layer);
        children.set(part, next);
      }
      if (next.inode.kind === kind.symlink) {
        if (++symlinks > maximumSymlinks)
          throw new TarError(`"${what}" leads through too many symbolic links`);
        const target = next.inode.link;
        if (target.startsWith("/")) walked.length = 1;
        pending.push(...target.split("/").reverse());
        continue;
      }
      if (next.inode.kind !== kind.directory) {
        if (layer === undefined) return undefined;
        throw new TarError(`"${what}" is inside of "${part}", which is no directory`);
      }
      if (layer !== undefined) next.layer = layer;
      walked.push(next);
    }
    return walked[walked.length - 1];
  }
}
