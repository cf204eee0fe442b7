import { setImmediate as nextTurn } from "node:timers/promises";
import { eventJson } from "../../../../docker/events/event-text.ts";
import type { EventFeed } from "../../../events/event-feed.ts";
import type { ApiRequest } from "../api-request.ts";
import type { ApiResponse } from "../api-response.ts";
import type { Router } from "../router.ts";

export interface EventRouteServices {
  events: Pick<EventFeed, "watch">;
}

/** Some thousands of events: a client that lets more wait does not read. */
const maxBacklogBytes = 1024 * 1024;

/** What happens, for those who want to know. */
export function addEventRoutes(router: Router, { events }: EventRouteServices): void {
  router.add("GET", "/events", async (request, response) => {
    const gone = new AbortController();
    try {
      await watch(events, request, response, AbortSignal.any([request.signal, gone.signal]), () => {
        gone.abort();
        response.raw.destroy();
      });
    } catch (error) {
      if (!request.signal.aborted && !gone.signal.aborted) throw error;
    }
  });
}

/** @param drop called once the client has more waiting than it may */
async function watch(
  events: EventRouteServices["events"],
  { query }: ApiRequest,
  response: ApiResponse,
  signal: AbortSignal,
  drop: () => void,
): Promise<void> {
  const [since, until] = [query.text("since"), query.text("until")];
  const open = (): void => {
    if (!response.raw.headersSent) response.begin("application/json");
  };
  const watching = events.watch(
    {
      filters: query.filters(),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
    },
    {
      signal,
      onEvent: (event) => {
        open();
        response.line(eventJson(event));
        if (response.backlogBytes > maxBacklogBytes) drop();
      },
    },
  );
  // A request that is refused is refused at once; any other is answered before something happens.
  await Promise.race([watching, nextTurn()]);
  open();
  await watching;
  response.end();
}
