import type { EventType } from "../../protocol/events.ts";

/** Something that has happened. */
export interface EngineEvent {
  /** Nanoseconds since the epoch. No two events have the same time: it also says their order. */
  timeNs: bigint;
  type: EventType;
  /** Docker's: `create`, `start`, `die`, `exec_start: sh -c true`, … */
  action: string;
  actor: {
    /** Of the container, image, …. */
    id: string;
    /** Names, labels and what belongs to the action, as Docker's events have them. */
    attributes: Record<string, string>;
  };
}

/** As many as Docker keeps. */
const defaultCapacity = 256;

/** What has happened in this engine: the latest events, and all that come to those who subscribe. */
export class EventLog {
  readonly #capacity: number;
  readonly #now: () => number;
  readonly #events: EngineEvent[] = [];
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  #lastNs = 0n;

  /** `now` gives milliseconds since the epoch. */
  constructor(capacity = defaultCapacity, now: () => number = Date.now) {
    this.#capacity = capacity;
    this.#now = now;
  }

  publish(type: EventType, action: string, actor: EngineEvent["actor"]): void {
    const nowNs = BigInt(Math.trunc(this.#now())) * 1_000_000n;
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n;
    const event = { timeNs: this.#lastNs, type, action, actor };
    this.#events.push(event);
    if (this.#events.length > this.#capacity) this.#events.shift();
    for (const listener of [...this.#listeners]) listener(event);
  }

  /**
   * Calls `listener` with every event from now on, in order, before `publish` returns. Together with
   * {@link between}, called in the same turn of the event loop, it misses nothing and repeats nothing.
   */
  subscribe(listener: (event: EngineEvent) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  /** The events that are still kept, oldest first, of a span of time; both of its ends belong to it. */
  between(range: { sinceNs?: bigint | undefined; untilNs?: bigint | undefined } = {}): EngineEvent[] {
    const { sinceNs, untilNs } = range;
    return this.#events.filter(
      ({ timeNs }) =>
        (sinceNs === undefined || timeNs >= sinceNs) && (untilNs === undefined || timeNs <= untilNs),
    );
  }
}
