import assert from "node:assert/strict";
import { test } from "node:test";
import { type NamedStep, runSteps, type StepEnd } from "../../../../extension/wizard/quick-input.ts";

/** Steps that end as told, in turn; which they were, with their titles. */
async function walk(...ends: [step: string, end: StepEnd][]) {
  const seen: string[] = [];
  const finished = await runSteps(
    () => "Run alpine",
    ["Image", "Name", "Summary"].map(
      (name): NamedStep => ({
        name,
        run: async ({ title, step, totalSteps }) => {
          assert.equal(title, `Run alpine · ${name}`);
          seen.push(`${name} ${step}/${totalSteps}`);
          const next = ends.shift();
          assert.equal(name, next?.[0]);
          return next?.[1] ?? "cancel";
        },
      }),
    ),
  );
  assert.deepEqual(ends, []);
  return { finished, seen };
}

test("steps go on, back and away, and say where they are", async () => {
  const { finished, seen } = await walk(
    ["Image", "next"],
    ["Name", "back"],
    ["Image", "next"],
    ["Name", "next"],
    ["Summary", "next"],
  );
  assert.equal(finished, true);
  assert.deepEqual(seen, ["Image 1/3", "Name 2/3", "Image 1/3", "Name 2/3", "Summary 3/3"]);
  assert.equal((await walk(["Image", "cancel"])).finished, false);
});

test("the summary leads to a step and that back to the summary", async () => {
  const { finished } = await walk(
    ["Image", "next"],
    ["Name", "next"],
    ["Summary", { goTo: "Image" }],
    ["Image", "next"],
    ["Summary", { goTo: "Name" }],
    ["Name", "back"],
    ["Summary", "back"],
    ["Name", "next"],
    ["Summary", "next"],
  );
  assert.equal(finished, true);
});
