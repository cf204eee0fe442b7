import { type EventMessage, engineEvents } from "../../../../protocol/events.ts";
import { EventsParams } from "../../../../protocol/params/events.ts";
import type { EventFeed } from "../../../events/event-feed.ts";
import type { RpcConnection } from "../rpc-connection.ts";

export interface EventServices {
  events: Pick<EventFeed, "watch">;
}

/** What happens, for those who want to know. */
export function bindEvents(rpc: RpcConnection, { events }: EventServices): void {
  rpc.handle(engineEvents, EventsParams, async ({ progressToken, ...request }, signal) => {
    const gone = new AbortController();
    const closed = rpc.onClose(() => gone.abort());
    try {
      const onEvent = rpc.progress<EventMessage>(progressToken);
      await events.watch(request, { signal: AbortSignal.any([signal, gone.signal]), onEvent });
      return null;
    } finally {
      closed.dispose();
    }
  });
}
