import * as v from "valibot";
import { filters } from "./schema.ts";

export const EventsParams = v.object({
  /** RFC 3339, Unix seconds with a fraction, or a duration before now: begin with what was kept since. */
  since: v.exactOptional(v.string()),
  /** The same: the answer comes then, at once if it is over. Absent: never. */
  until: v.exactOptional(v.string()),
  /** Docker's: container, daemon, event, image, label, network, scope, type, volume. */
  filters: v.exactOptional(filters),
  /** Events go out as `$/progress` under this token ({@link EventMessage}). */
  progressToken: v.string(),
});
export type EventsParams = v.InferOutput<typeof EventsParams>;
