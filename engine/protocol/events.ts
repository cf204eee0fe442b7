import { RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type { EventsParams } from "./params/events.ts";

export type * from "./params/events.ts";

/** What an event is about; Docker's words. */
export type EventType = "container" | "image" | "volume" | "network" | "builder" | "daemon";

/** Something that has happened. */
export interface EventMessage {
  /** Nanoseconds since the epoch: more than a number of JSON holds. */
  timeNs: string;
  type: EventType;
  /** Docker's: `create`, `start`, `die`, `exec_start: sh -c true`, … */
  action: string;
  /** Of the container, image, …. */
  id: string;
  /** Names, labels and what belongs to the action, as Docker's events have them. */
  attributes: Record<string, string>;
}

/** Tells what happens, and what has happened lately, until the client cancels it. */
export const engineEvents = new RequestType<EventsParams, null, ErrorData>("engine/events");
