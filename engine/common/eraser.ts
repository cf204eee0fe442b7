import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";

/** What should be gone and is not. */
export interface Leftover {
  path: string;
  problem: string;
}

/** Erases directories, and remembers those that it could not. */
export class Eraser {
  readonly #removeTree: (path: string) => Promise<void>;
  /** Problems by path. */
  readonly #leftovers = new Map<string, string>();

  /**
   * `removeTree` removes what Node's rm cannot: files that are not the user's own, trees deeper than a path
   * can say.
   */
  constructor(removeTree: (path: string) => Promise<void>) {
    this.#removeTree = removeTree;
  }

  /** Removes a directory with everything in it. */
  async erase(path: string): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true }).catch(() => this.#removeTree(path));
      this.#leftovers.delete(path);
    } catch (error) {
      if (existsSync(path)) this.#leftovers.set(path, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** Tries again to erase what could not be; returns what still is there. */
  async retry(): Promise<Leftover[]> {
    for (const path of [...this.#leftovers.keys()]) await this.erase(path).catch(() => undefined);
    return [...this.#leftovers].map(([path, problem]) => ({ path, problem }));
  }
}
