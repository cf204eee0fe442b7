/** Events as Docker prints them. */
import type { EventMessage } from "../../protocol/index.ts";

const nsPerSecond = 1_000_000_000n;

/**
 * `2026-01-02T03:04:05.000000006Z container die 4f2a… (exitCode=0, image=alpine)`, in this machine's zone.
 */
export function eventLine({ timeNs, type, action, id, attributes }: EventMessage): string {
  const pairs = Object.keys(attributes)
    .sort()
    .map((key) => `${key}=${attributes[key]}`);
  const details = pairs.length === 0 ? "" : ` (${pairs.join(", ")})`;
  return `${timeText(BigInt(timeNs))} ${type} ${action} ${id}${details}`;
}

/** Go's RFC 3339 with all nine digits. */
function timeText(ns: bigint): string {
  const date = new Date(Number(ns / 1_000_000n));
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const fraction = String(ns % nsPerSecond).padStart(9, "0");
  const two = (value: number): string => String(value).padStart(2, "0");
  const minutes = Math.abs(offset);
  const zone =
    offset === 0 ? "Z" : `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return `${local}.${fraction}${zone}`;
}

/** What a template sees of an event: the fields of Docker's events.Message. */
export function eventFields(event: EventMessage): object {
  const ns = BigInt(event.timeNs);
  return {
    ...oldFields(event),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.id, Attributes: new Map(Object.entries(event.attributes)) },
    Scope: "local",
    Time: Number(ns / nsPerSecond),
    TimeNano: ns,
  };
}

/** The same as JSON. */
export function eventJson(event: EventMessage): string {
  const ns = BigInt(event.timeNs);
  const { Status, ID, From } = oldFields(event);
  const attributes = Object.fromEntries(Object.entries(event.attributes).sort());
  const text = JSON.stringify({
    ...(Status === "" ? {} : { status: Status }),
    ...(ID === "" ? {} : { id: ID }),
    ...(From === "" ? {} : { from: From }),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.id, Attributes: attributes },
    scope: "local",
    time: Number(ns / nsPerSecond),
  });
  // A number that JavaScript's do not hold.
  return `${text.slice(0, -1)},"timeNano":${ns}}`;
}

/** What Docker keeps for clients of events that had no types; only these two have it. */
function oldFields({ type, action, id, attributes }: EventMessage): {
  Status: string;
  ID: string;
  From: string;
} {
  const isOld = type === "container" || type === "image";
  return {
    Status: isOld ? action : "",
    ID: isOld ? id : "",
    From: type === "container" ? (attributes.image ?? "") : "",
  };
}
