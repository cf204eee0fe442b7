import assert from "node:assert/strict";
import { test } from "node:test";
import { eventCondition } from "../../../../engine/docker/events/event-filters.ts";
import type { EventMessage } from "../../../../engine/protocol/index.ts";

const events: EventMessage[] = [
  event("container", "create", "4f2a", { name: "web", image: "alpine:3.20", tier: "front" }),
  event("container", "exec_start: sh -c true", "4f2a", { name: "web", image: "alpine:3.20", tier: "front" }),
  event("container", "die", "77aa", { name: "db", image: "postgres", tier: "back" }),
  event("network", "connect", "9b9b", { name: "web", container: "4f2a", type: "bridge" }),
  event("volume", "destroy", "data", { driver: "local" }),
  event("image", "pull", "alpine:3.20", { name: "alpine" }),
];

function event(
  type: EventMessage["type"],
  action: string,
  id: string,
  attributes: Record<string, string>,
): EventMessage {
  return { timeNs: "1", type, action, id, attributes };
}

function numbers(filters: Record<string, string[]>): number[] {
  const isWanted = eventCondition(filters);
  return events.flatMap((one, index) => (isWanted(one) ? [index] : []));
}

test("filters are Docker's: values of one are alternatives, of labels all must hold", () => {
  const cases: [Record<string, string[]>, number[]][] = [
    [{}, [0, 1, 2, 3, 4, 5]],
    [{ type: ["container"] }, [0, 1, 2]],
    [{ event: ["create", "die"] }, [0, 2]],
    [{ event: ["exec_start"] }, [1]],
    [{ event: ["exec_start: sh -c true"] }, [1]],
    [{ container: ["we"] }, [0, 1]],
    [{ container: ["77"] }, [2]],
    [{ container: ["web"], event: ["die"] }, []],
    [{ network: ["web"] }, [3]],
    [{ volume: ["data"] }, [4]],
    [{ image: ["alpine"] }, [0, 1, 5]],
    [{ image: ["alpine:3.20"] }, [0, 1, 5]],
    [{ label: ["tier"] }, [0, 1, 2]],
    [{ label: ["tier=back"] }, [2]],
    [{ label: ["tier=back", "tier=front"] }, []],
    [{ scope: ["swarm"] }, []],
    [{ service: ["web"] }, []],
  ];
  for (const [filters, expected] of cases)
    assert.deepEqual(numbers(filters), expected, JSON.stringify(filters));
});

test("a filter that there is not is refused with those there are", () => {
  assert.throws(() => eventCondition({ nme: ["web"] }), {
    code: "INVALID_ARGUMENT",
    message: "invalid filter 'nme'",
    hint: /container, daemon, event/,
  });
});
