import { closeSync, fsyncSync, openSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../../common/atomic-file.ts";
import { Eraser, type Leftover } from "../../../common/eraser.ts";
import { makeDirectory } from "../../../common/make-directory.ts";
import { type VmConfig, VmFiles } from "./vm-record.ts";

const idPattern = /^[0-9a-f]{64}$/;

/**
 * `<data>/state`: one directory per VM. A directory appears whole and disappears whole: it is made and
 * emptied under a hidden name, and a rename is what counts. What cannot be erased stays under that name,
 * hurts nobody, and is tried again.
 */
export class StateDir {
  readonly path: string;
  readonly #eraser: Eraser;

  /** `removeTree`: see {@link Eraser}. */
  constructor(path: string, removeTree: (path: string) => Promise<void>) {
    this.path = path;
    this.#eraser = new Eraser(removeTree);
  }

  files(vmId: string): VmFiles {
    return new VmFiles(join(this.path, vmId));
  }

  async create(config: VmConfig): Promise<VmFiles> {
    const staged = new VmFiles(join(this.path, `.creating-${config.id}`));
    const files = this.files(config.id);
    await this.#eraser.retry();
    try {
      makeDirectory(staged.dir);
      staged.writeConfig(config);
      // Before it has its name: a want of descriptors must not show only after that.
      const directory = openSync(this.path, "r");
      try {
        await rename(staged.dir, files.dir);
        fsyncSync(directory);
      } finally {
        closeSync(directory);
      }
      return files;
    } catch (error) {
      // What failed may have been the last step.
      for (const { dir } of [staged, files]) await this.#eraser.erase(dir).catch(() => undefined);
      throw error;
    }
  }

  /** Without `durable` the VM may be back after a loss of power. */
  async remove(vmId: string, durable: boolean): Promise<void> {
    const doomed = join(this.path, `.removing-${vmId}`);
    const files = this.files(vmId);
    try {
      await rename(files.dir, doomed);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      // A full disk may have no room for the longer name either.
      await rm(files.diskPath, { force: true });
      await rm(files.logPath, { force: true });
      await rename(files.dir, doomed);
    }
    try {
      if (durable) syncDirectory(this.path);
    } finally {
      await this.#eraser.erase(doomed);
    }
  }

  /** A directory for a helper machine, gone when {@link discard} is called or the next engine starts. */
  async scratch(machineId: string): Promise<VmFiles> {
    const files = new VmFiles(join(this.path, `.scratch-${machineId}`));
    makeDirectory(files.dir);
    return files;
  }

  async discard(scratch: VmFiles): Promise<void> {
    await this.#eraser.erase(scratch.dir);
  }

  /** What {@link scratch} made and a crash left. */
  async staleScratchDirs(): Promise<VmFiles[]> {
    const names = await readdir(this.path).catch(() => []);
    return names
      .filter((name) => name.startsWith(".scratch-"))
      .map((name) => new VmFiles(join(this.path, name)));
  }

  /**
   * Sweeps what a crash left half made or half removed, and returns the ids of the VMs there are.
   * @param onError told of what cannot be erased, which stops nothing
   */
  async recover(onError: (error: unknown) => void): Promise<string[]> {
    makeDirectory(this.path);
    const ids: string[] = [];
    for (const name of await readdir(this.path)) {
      if (idPattern.test(name)) ids.push(name);
      else if (/^\.(creating|removing|scratch)-/.test(name))
        await this.#eraser.erase(join(this.path, name)).catch(onError);
    }
    return ids;
  }

  /** Erases what is in a VM's directory; what cannot be is tried again. Throws Error. */
  async erase(path: string): Promise<void> {
    await this.#eraser.erase(path);
  }

  /** Tries again to erase what could not be; returns what still is there. */
  eraseLeftovers(): Promise<Leftover[]> {
    return this.#eraser.retry();
  }
}
