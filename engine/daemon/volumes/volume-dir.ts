import { chmodSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory, temporaryName } from "../../common/atomic-file.ts";
import { Eraser, type Leftover } from "../../common/eraser.ts";
import { createExt4Image } from "../../common/ext4-image.ts";
import { makeDirectory } from "../../common/make-directory.ts";
import { VolumeFiles, type VolumeRecord } from "./volume-record.ts";

/**
 * `<data>/volumes`: one directory per volume, which appears whole and disappears whole. It is made and
 * emptied under a name that begins with a dot, as no volume's does, and a rename is what counts.
 */
export class VolumeDir {
  readonly path: string;
  readonly #eraser: Eraser;

  /** `removeTree`: see {@link Eraser}. */
  constructor(path: string, removeTree: (path: string) => Promise<void>) {
    this.path = path;
    this.#eraser = new Eraser(removeTree);
  }

  files(name: string): VolumeFiles {
    return new VolumeFiles(join(this.path, name));
  }

  /**
   * Makes a volume's directory, in one turn of the event loop.
   * @param imageBytes the size of a block volume
   */
  create(record: VolumeRecord, imageBytes?: number): VolumeFiles {
    const staged = new VolumeFiles(join(this.path, temporaryName(".creating")));
    const files = this.files(record.name);
    let isThere = false;
    try {
      makeDirectory(staged.dir);
      if (imageBytes === undefined) {
        mkdirSync(staged.dataPath);
        // The guest's: the image's directory gives it another mode when it is filled.
        chmodSync(staged.dataPath, 0o755);
      } else {
        createExt4Image(staged.imagePath, imageBytes);
      }
      staged.write(record);
      renameSync(staged.dir, files.dir);
      isThere = true;
      syncDirectory(this.path);
      return files;
    } catch (error) {
      rmSync(isThere ? files.dir : staged.dir, { recursive: true, force: true });
      throw error;
    }
  }

  /** Takes a volume away, in one turn of the event loop; resolves when its files are gone. */
  async remove(name: string): Promise<void> {
    const doomed = join(this.path, temporaryName(".removing"));
    renameSync(this.files(name).dir, doomed);
    try {
      syncDirectory(this.path);
    } finally {
      await this.#eraser.erase(doomed);
    }
  }

  /** Sweeps what a crash left half made or half removed, and returns the names of the volumes there are. */
  async recover(onError: (error: unknown) => void): Promise<string[]> {
    makeDirectory(this.path);
    const names: string[] = [];
    for (const entry of await readdir(this.path, { withFileTypes: true })) {
      if (/^\.(creating|removing)\./.test(entry.name)) {
        await this.#eraser.erase(join(this.path, entry.name)).catch(onError);
      } else if (entry.isDirectory() && !entry.name.startsWith(".")) names.push(entry.name);
    }
    return names;
  }

  /** Tries again to erase what could not be; returns what still is there. */
  eraseLeftovers(): Promise<Leftover[]> {
    return this.#eraser.retry();
  }
}
