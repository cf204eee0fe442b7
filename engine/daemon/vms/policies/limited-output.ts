import { FrameDecoder, FrameType } from "../../../protocol/stream.ts";

/** Docker's limit of what a health check's log keeps. */
const maxBytes = 4096;

/** The first bytes of what a process prints, from the frames of its stream. */
export class LimitedOutput {
  readonly #chunks: Uint8Array[] = [];
  readonly #decoder = new FrameDecoder((type, payload) => {
    if (type === FrameType.stdout || type === FrameType.stderr) this.#add(payload);
  });
  #bytes = 0;
  #isCut = false;

  /** @throws RangeError for what are no frames */
  push(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
  }

  get text(): string {
    return `${Buffer.concat(this.#chunks).toString("utf8")}${this.#isCut ? "..." : ""}`;
  }

  #add(payload: Uint8Array): void {
    const kept = payload.subarray(0, maxBytes - this.#bytes);
    this.#isCut ||= kept.length < payload.length;
    if (kept.length === 0) return;
    this.#chunks.push(Uint8Array.from(kept));
    this.#bytes += kept.length;
  }
}
