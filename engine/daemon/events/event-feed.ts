import { eventCondition } from "../../docker/events/event-filters.ts";
import { parseTime } from "../../docker/times.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { EventMessage, EventsParams } from "../../protocol/events.ts";
import type { EngineEvent, EventLog } from "./event-log.ts";

/** The longest that a timer takes. */
const longestTimerMs = 2 ** 31 - 1;

/** Docker's `events`: what is kept of a span of time, then what happens, as far as it is wanted. */
export class EventFeed {
  readonly #log: EventLog;
  readonly #now: () => number;

  /** `now` gives milliseconds since the epoch. */
  constructor(log: EventLog, now: () => number = Date.now) {
    this.#log = log;
    this.#now = now;
  }

  /**
   * Calls `onEvent` with each event, in order, and resolves when `until` is over; without it never.
   * @throws the signal's reason; INVALID_ARGUMENT for a time or a filter
   */
  async watch(
    { since, until, filters = {} }: Pick<EventsParams, "since" | "until" | "filters">,
    { signal, onEvent }: { signal: AbortSignal; onEvent: (event: EventMessage) => void },
  ): Promise<void> {
    const nowMs = this.#now();
    const isWanted = eventCondition(filters);
    const sinceMs = parseTime(since, nowMs);
    const untilMs = parseTime(until, nowMs);
    if (sinceMs !== undefined && untilMs !== undefined && untilMs < sinceMs) {
      const [first, last] = [sinceMs, untilMs].map((ms) => Math.trunc(ms / 1000));
      throw new MockerError(
        "INVALID_ARGUMENT",
        `\`since\` time (${first}) cannot be after \`until\` time (${last})`,
      );
    }
    const take = (event: EngineEvent): void => {
      const message = messageOf(event);
      if (isWanted(message)) onEvent(message);
    };
    // As in Docker: who names no time at all is told only what is still to come.
    const isPast = sinceMs !== undefined || untilMs !== undefined;
    const kept = isPast ? this.#log.between({ sinceNs: toNs(sinceMs), untilNs: toNs(untilMs) }) : [];
    signal.throwIfAborted();
    for (const event of kept) take(event);
    if (untilMs !== undefined && untilMs <= nowMs) return;
    const subscription = this.#log.subscribe(take);
    try {
      await this.#over(untilMs, signal);
    } finally {
      subscription.dispose();
    }
  }

  /** Resolves at that time, if there is one. @throws the signal's reason */
  #over(untilMs: number | undefined, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const wait = (): void => {
        const leftMs = (untilMs ?? Number.POSITIVE_INFINITY) - this.#now();
        if (leftMs > 0) timer = setTimeout(wait, Math.min(leftMs, longestTimerMs)).unref();
        else resolve();
      };
      wait();
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
  }
}

function toNs(ms: number | undefined): bigint | undefined {
  return ms === undefined ? undefined : BigInt(Math.trunc(ms * 1000)) * 1000n;
}

function messageOf({ timeNs, type, action, actor }: EngineEvent): EventMessage {
  return { timeNs: String(timeNs), type, action, id: actor.id, attributes: actor.attributes };
}
