import { existsSync, renameSync, statSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { syncDirectory } from "../../../common/atomic-file.ts";
import { makeDirectory } from "../../../common/make-directory.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { type VmConfig, VmFiles } from "../records/vm-record.ts";
import { type CopyTree, copyFiles, syncFileSystem } from "./copy-files.ts";

/** What a VM has written: the disk of a microVM, the directory of a simulated one. It has one of them. */
function ownFilesOf(files: VmFiles): string[] {
  return [files.diskPath, files.upperDir];
}

/**
 * `<state>/<vm-id>/checkpoints`: one directory per checkpoint, with the VM's own files and its `config.json`.
 * As with the VMs' own, a directory has its name only while it is whole. With a VM's directory its
 * checkpoints go.
 */
export class CheckpointDir {
  readonly #files: VmFiles;
  readonly #erase: (path: string) => Promise<void>;

  /** `erase` removes a directory with all that is in it. */
  constructor(files: VmFiles, erase: (path: string) => Promise<void>) {
    this.#files = files;
    this.#erase = erase;
  }

  get #path(): string {
    return join(this.#files.dir, "checkpoints");
  }
  /** A restoration that is still being copied. */
  get #restoring(): string {
    return join(this.#files.dir, ".restoring");
  }
  /** One that counts, whether or not the VM has all of it yet. */
  get #restored(): string {
    return join(this.#files.dir, ".restored");
  }

  /** By name, with the time of creation. */
  async list(): Promise<{ name: string; createdAt: Date }[]> {
    const names = await readdir(this.#path).catch(() => []);
    return names
      .filter((name) => !name.startsWith("."))
      .sort()
      .map((name) => ({ name, createdAt: statSync(this.#at(name).configPath).mtime }));
  }

  has(name: string): boolean {
    return existsSync(this.#at(name).configPath);
  }

  /** What the VM has written; undefined for one that never ran. */
  ownFiles(): string | undefined {
    return ownFilesOf(this.#files).find((path) => existsSync(path));
  }

  /**
   * Copies what the VM has now; it must not run. `onStaged` is told where the copy grows.
   * @throws NO_SPACE; the reason of `signal`
   */
  async create(
    name: string,
    config: VmConfig,
    {
      copyTree,
      signal,
      onStaged,
    }: { copyTree: CopyTree; signal: AbortSignal; onStaged: (path: string) => void },
  ): Promise<void> {
    const staged = new VmFiles(join(this.#path, `.creating-${name}`));
    makeDirectory(this.#path);
    await this.#erase(staged.dir);
    try {
      makeDirectory(staged.dir);
      onStaged(staged.dir);
      await copyOwnFiles(copyTree, this.#files, staged, signal);
      staged.writeConfig(config);
      await syncFileSystem(staged.dir);
      signal.throwIfAborted();
      renameSync(staged.dir, this.#at(name).dir);
      syncDirectory(this.#path);
    } catch (error) {
      await this.#erase(staged.dir).catch(() => undefined);
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    const doomed = join(this.#path, `.removing-${name}`);
    await this.#erase(doomed);
    renameSync(this.#at(name).dir, doomed);
    syncDirectory(this.#path);
    await this.#erase(doomed);
  }

  /**
   * Puts a checkpoint in the place of what the VM has, which must not run. Whole or not at all.
   * @returns the VM's configuration from now on: that of the checkpoint, with the name that the VM has
   * @throws NO_SPACE, STATE_CORRUPT
   */
  async restore(name: string, current: VmConfig, copyTree: CopyTree): Promise<VmConfig> {
    const saved = await this.#at(name).readConfig();
    if (!saved) throw new MockerError("STATE_CORRUPT", `${this.#at(name).configPath} is missing`);
    const config: VmConfig = { ...saved, id: current.id, name: current.name };
    const staged = new VmFiles(this.#restoring);
    await this.#erase(staged.dir);
    try {
      makeDirectory(staged.dir);
      await copyOwnFiles(copyTree, this.#at(name), staged);
      staged.writeConfig(config);
      writeFileSync(join(staged.dir, "unmoved"), "");
      await syncFileSystem(staged.dir);
      renameSync(staged.dir, this.#restored);
    } catch (error) {
      await this.#erase(staged.dir).catch(() => undefined);
      throw error;
    }
    syncDirectory(this.#files.dir);
    await this.#finishRestoration();
    return config;
  }

  /**
   * Ends what a crash left half done; before the VM's configuration is read. `onError` is told of what cannot
   * be erased, which stops nothing.
   */
  async recover(onError: (error: unknown) => void): Promise<void> {
    await this.#finishRestoration();
    await this.#erase(this.#restoring).catch(onError);
    for (const name of await readdir(this.#path).catch(() => []))
      if (name.startsWith(".")) await this.#erase(join(this.#path, name)).catch(onError);
  }

  /** Each step may have been done before. */
  async #finishRestoration(): Promise<void> {
    const discarded = join(this.#files.dir, ".discarded");
    if (existsSync(this.#restored)) {
      // Renaming needs no room on a full disk.
      const unmoved = join(this.#restored, "unmoved");
      if (existsSync(unmoved)) {
        for (const path of ownFilesOf(this.#files))
          moveIfThere(path, join(this.#restored, `old-${basename(path)}`));
        renameSync(unmoved, join(this.#restored, "moved"));
      }
      for (const path of [...ownFilesOf(this.#files), this.#files.configPath])
        moveIfThere(join(this.#restored, basename(path)), path);
      renameSync(this.#restored, discarded);
      syncDirectory(this.#files.dir);
    }
    // What stays is tried again at the next start of the engine.
    await this.#erase(discarded).catch(() => undefined);
  }

  #at(name: string): VmFiles {
    return new VmFiles(join(this.#path, name));
  }
}

function moveIfThere(from: string, to: string): void {
  if (existsSync(from)) renameSync(from, to);
}

async function copyOwnFiles(
  copyTree: CopyTree,
  from: VmFiles,
  to: VmFiles,
  signal?: AbortSignal,
): Promise<void> {
  for (const path of ownFilesOf(from))
    if (existsSync(path)) await copyFiles(copyTree, path, join(to.dir, basename(path)), signal);
}
