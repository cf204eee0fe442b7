import assert from "node:assert/strict";
import { test } from "node:test";
import { isFilter } from "../../../../extension/views/image-filter.ts";
import { ViewState } from "../../../../extension/views/view-state.ts";

function memory(initial: Record<string, unknown> = {}) {
  const kept = new Map(Object.entries(initial));
  return {
    get: (key: string) => kept.get(key),
    update: async (key: string, value: unknown) => {
      kept.set(key, value);
    },
  };
}

test("how a view is arranged is there in the next window, and told at once", async () => {
  const kept = memory();
  const state = new ViewState(kept, "filter", isFilter, "");
  const seen: string[] = [];
  state.onDidChange(() => seen.push(state.value));
  assert.equal(state.value, "");
  await state.set("alpine");
  assert.deepEqual(seen, ["alpine"]);
  assert.equal(new ViewState(kept, "filter", isFilter, "").value, "alpine");
});

test("what another version has left there is not taken", () => {
  assert.equal(new ViewState(memory({ filter: { text: "alpine" } }), "filter", isFilter, "").value, "");
});
