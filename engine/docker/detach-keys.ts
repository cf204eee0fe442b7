/** The key sequence that leaves an attached VM running (Docker's `--detach-keys`). */
import { MockerError } from "../protocol/errors.ts";

export const defaultDetachKeys = "ctrl-p,ctrl-q";

/** Bytes of `ctrl-p,ctrl-q`, `ctrl-@`, `a,b`. Throws MockerError INVALID_ARGUMENT. */
export function parseDetachKeys(text: string): number[] {
  return text.split(",").map((key) => {
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    const control = /^ctrl-([a-zA-Z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (key === "DEL") return 0x7f;
    throw new MockerError("INVALID_ARGUMENT", `invalid detach keys (${text}): Unknown character: '${key}'`, {
      hint: `give single letters or ctrl-<letter>, separated by commas, such as ${defaultDetachKeys}`,
    });
  });
}

/**
 * Looks for the keys in what is typed. What may be their beginning is held back until the next byte tells.
 */
export class DetachFilter {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** `bytes` go to the process; what follows the keys is dropped. */
  push(chunk: Uint8Array): { bytes: Uint8Array; detached: boolean } {
    if (this.#keys.length === 0 || (this.#matched === 0 && !chunk.includes(this.#keys[0] ?? -1))) {
      return { bytes: chunk, detached: false };
    }
    const out: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched] && this.#matched > 0) {
        out.push(...this.#keys.slice(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) {
        out.push(byte);
        continue;
      }
      this.#matched++;
      if (this.#matched === this.#keys.length) {
        this.#matched = 0;
        return { bytes: Uint8Array.from(out), detached: true };
      }
    }
    return { bytes: Uint8Array.from(out), detached: false };
  }

  /** What is held back, at the end of input. */
  flush(): Uint8Array {
    const held = Uint8Array.from(this.#keys.slice(0, this.#matched));
    this.#matched = 0;
    return held;
  }
}
