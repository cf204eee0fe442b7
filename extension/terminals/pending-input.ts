/** About a large paste; more than one types while an engine starts. */
const maxPendingLength = 64 * 1024;

/**
 * Input for a process that is out of reach for a moment. It is kept whole or not at all: what is left of a
 * text that is cut may be another command than was meant.
 */
export class PendingInput {
  #text = "";
  #overflowed = false;

  /** Once it is more than is kept, it is dropped, with all that follows until {@link take}. */
  push(text: string): "kept" | "overflows" | "dropped" {
    if (this.#overflowed) return "dropped";
    this.#text += text;
    if (this.#text.length <= maxPendingLength) return "kept";
    this.#overflowed = true;
    this.#text = "";
    return "overflows";
  }

  /** What was kept, and whether more was dropped; begins anew. */
  take(): { text: string; dropped: boolean } {
    const taken = { text: this.#text, dropped: this.#overflowed };
    this.#text = "";
    this.#overflowed = false;
    return taken;
  }
}
