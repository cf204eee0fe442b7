import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../../common/atomic-file.ts";
import { type VmConfig, VmFiles } from "./vm-record.ts";

const idPattern = /^[0-9a-f]{64}$/;

/**
 * `<data>/state`: one directory per VM. A directory appears whole and disappears whole: it is made and
 * emptied under a hidden name, and a rename is what counts.
 */
export class StateDir {
  readonly path: string;
  readonly #removeForeign: (path: string) => Promise<void>;

  /** `removeForeign` removes a directory with files that are not the user's own. */
  constructor(path: string, removeForeign: (path: string) => Promise<void>) {
    this.path = path;
    this.#removeForeign = removeForeign;
  }

  files(vmId: string): VmFiles {
    return new VmFiles(join(this.path, vmId));
  }

  async create(config: VmConfig): Promise<VmFiles> {
    const staged = new VmFiles(join(this.path, `.creating-${config.id}`));
    await mkdir(staged.dir, { recursive: true, mode: 0o700 });
    try {
      staged.writeConfig(config);
      const files = this.files(config.id);
      await rename(staged.dir, files.dir);
      syncDirectory(this.path);
      return files;
    } catch (error) {
      await rm(staged.dir, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
  }

  /** Without `durable` the VM may be back after a loss of power. */
  async remove(vmId: string, durable: boolean): Promise<void> {
    const doomed = join(this.path, `.removing-${vmId}`);
    await rename(this.files(vmId).dir, doomed);
    if (durable) syncDirectory(this.path);
    await this.#erase(doomed);
  }

  /** A directory for a helper machine, gone when {@link discard} is called or the next engine starts. */
  async scratch(machineId: string): Promise<VmFiles> {
    const files = new VmFiles(join(this.path, `.scratch-${machineId}`));
    await mkdir(files.dir, { recursive: true, mode: 0o700 });
    return files;
  }

  async discard(scratch: VmFiles): Promise<void> {
    await this.#erase(scratch.dir);
  }

  /** What {@link scratch} made and a crash left. */
  async staleScratchDirs(): Promise<VmFiles[]> {
    const names = await readdir(this.path).catch(() => []);
    return names
      .filter((name) => name.startsWith(".scratch-"))
      .map((name) => new VmFiles(join(this.path, name)));
  }

  /** Sweeps what a crash left half made or half removed, and returns the ids of the VMs there are. */
  async recover(): Promise<string[]> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const ids: string[] = [];
    for (const name of await readdir(this.path)) {
      if (idPattern.test(name)) ids.push(name);
      else if (/^\.(creating|removing|scratch)-/.test(name)) await this.#erase(join(this.path, name));
    }
    return ids;
  }

  async #erase(path: string): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EACCES" && code !== "EPERM") throw error;
      await this.#removeForeign(path);
    }
  }
}
