declare global {
  /** Paths of what has been made, by key. */
  var mockerTestsMade: Map<string, Promise<string[]>> | undefined;
}

/**
 * Makes something once for all test files. They are bundled one by one, so that each has variables of its
 * own, but run in one process. Returns the paths that `make` returned.
 */
export function once(key: string, make: () => Promise<string[]>): Promise<string[]> {
  globalThis.mockerTestsMade ??= new Map();
  const made = globalThis.mockerTestsMade.get(key) ?? make();
  globalThis.mockerTestsMade.set(key, made);
  return made;
}
