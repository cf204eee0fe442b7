import { unlessAborted } from "../../../common/abort.ts";
import type { Digest } from "../../../docker/digest.ts";

interface Entry {
  bytes: Promise<Buffer>;
  users: number;
  controller: AbortController;
}

/** Small blobs while pulls under way need them: pulls at the same time fetch each once. */
export class SharedReads {
  readonly #entries = new Map<Digest, Entry>();

  /**
   * The bytes that `load` gives, or that it gave another caller who still holds them. `load` verifies them;
   * its signal comes when nobody waits any more. Call `release` when they are stored, or not needed.
   */
  async read(
    digest: Digest,
    load: (signal: AbortSignal) => Promise<Buffer>,
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer; release(): void }> {
    for (;;) {
      signal.throwIfAborted();
      const known = this.#entries.get(digest);
      const entry = known ?? this.#start(digest, load);
      entry.users++;
      const release = (): void => {
        if (--entry.users > 0) return;
        entry.controller.abort();
        if (this.#entries.get(digest) === entry) this.#entries.delete(digest);
      };
      try {
        return { bytes: await unlessAborted(entry.bytes, signal), release };
      } catch (error) {
        if (this.#entries.get(digest) === entry) this.#entries.delete(digest);
        release();
        // Another caller's source failed: ours may not.
        if (known === undefined || signal.aborted) throw error;
      }
    }
  }

  #start(digest: Digest, load: (signal: AbortSignal) => Promise<Buffer>): Entry {
    const controller = new AbortController();
    const entry = { bytes: load(controller.signal), users: 0, controller };
    entry.bytes.catch(() => {});
    this.#entries.set(digest, entry);
    return entry;
  }
}
