import { familiar, familiarName, parseReference, tryParseReference } from "../../../docker/reference.ts";

/** Told of an event: what was done, to what, and what Docker's events say of it beside. */
export type ImageEventListener = (
  action: string,
  actor: { id: string; attributes: Record<string, string> },
) => void;

/**
 * What happens to images, as Docker's daemon tells of it (moby, daemon/images): of an exchange with a
 * registry by the image's name, of everything else by its ID.
 */
export class ImageEvents {
  readonly #listener: ImageEventListener;
  readonly #labelsOf: (id: string) => Record<string, string>;

  /** `labelsOf` knows the images that there are. */
  constructor(listener: ImageEventListener, labelsOf: (id: string) => Record<string, string>) {
    this.#listener = listener;
    this.#labelsOf = labelsOf;
  }

  /** `reference` as a user or a registry has it. */
  exchanged(action: "pull" | "push", reference: string, id?: string): void {
    const parsed = tryParseReference(reference);
    const labels = id === undefined ? {} : this.#labelsOf(id);
    const [full, name] = parsed ? [familiar(parsed), familiarName(parsed)] : [reference, reference];
    this.#listener(action, { id: full, attributes: { ...labels, name } });
  }

  tagged(id: string, reference: string): void {
    this.#tell("tag", id, familiar(parseReference(reference)));
  }

  /** Once for each of its names. */
  untagged(id: string, names: readonly string[]): void {
    for (const _ of names) this.#tell("untag", id);
  }

  changed(action: "load" | "import" | "delete", id: string): void {
    this.#tell(action, id);
  }

  pruned(reclaimedBytes: number): void {
    this.#listener("prune", { id: "", attributes: { reclaimed: String(reclaimedBytes) } });
  }

  #tell(action: string, id: string, name = id): void {
    this.#listener(action, { id, attributes: { ...this.#labelsOf(id), name } });
  }
}
