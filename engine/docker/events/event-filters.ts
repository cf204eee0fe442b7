/** Docker's filters of `events` (moby daemon/events/filter.go). */
import { type EventMessage, MockerError } from "../../protocol/index.ts";
import { type Filters, matchesLabel } from "../filters.ts";
import { familiarRepository } from "../reference.ts";

/** Of these Docker compares beginnings, of names and of IDs. */
const objects = ["container", "daemon", "network", "volume"] as const;
const known = ["event", "image", "label", "scope", "type", ...objects];
/** Docker knows these; here nothing ever happens to them. */
const neverHappens = ["config", "node", "plugin", "secret", "service"];
/** Events whose actions go on after a colon. */
const openEnded = ["exec_create", "exec_start", "health_status"];

type Condition = (event: EventMessage) => boolean;

/**
 * Whether an event is wanted: of one filter's values one must hold, of labels all, of different filters all.
 * @throws INVALID_ARGUMENT for a filter that there is not
 */
export function eventCondition(filters: Filters): Condition {
  const wanted = Object.entries(filters).filter(([, values]) => values.length > 0);
  const unknown = wanted.find(([key]) => !known.includes(key) && !neverHappens.includes(key));
  if (unknown) {
    throw new MockerError("INVALID_ARGUMENT", `invalid filter '${unknown[0]}'`, {
      hint: `The filters are: ${known.toSorted().join(", ")}.`,
    });
  }
  const conditions = wanted.map(([key, values]) => conditionOf(key, values));
  return (event) => conditions.every((holds) => holds(event));
}

function conditionOf(key: string, values: readonly string[]): Condition {
  switch (key) {
    case "type":
      return ({ type }) => values.includes(type);
    case "scope":
      return () => values.includes("local");
    case "label":
      return ({ attributes }) => values.every((label) => matchesLabel(attributes, label));
    case "event":
      return values.some((value) => openEnded.includes(value))
        ? ({ action }) => values.some((value) => action.startsWith(value))
        : ({ action }) => values.includes(action);
    case "image":
      return (event) => imageNames(event).some((name) => values.includes(name));
    default:
      return (event) => event.type === key && values.some((value) => begins(event, value));
  }
}

function begins({ id, attributes }: EventMessage, value: string): boolean {
  return id.startsWith(value) || (attributes.name ?? "").startsWith(value);
}

/** An image's ID and name, or a VM's image, as they are and without the tag. */
function imageNames({ type, id, attributes }: EventMessage): string[] {
  if (type !== "image" && type !== "container") return [];
  const name = (type === "image" ? attributes.name : attributes.image) ?? "";
  return [id, name].filter((text) => text !== "").flatMap((text) => [text, familiarRepository(text)]);
}
