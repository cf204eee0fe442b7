import assert from "node:assert/strict";
import { test } from "node:test";
import { Times } from "../../runner/times.ts";

test("the ten slowest files are listed, the slowest first, with all that was added to each", () => {
  const times = new Times();
  for (let number = 1; number <= 12; number++) times.addFile(`unit: ${number}.test.ts`, 1000 * number);
  times.addFile("unit: 1.test.ts", 99_000);
  const files = times.lines().slice(2);
  assert.equal(files.length, 10);
  assert.deepEqual(
    [files[0], files[1], files[9]],
    ["  100.0 s unit: 1.test.ts", "  12.0 s unit: 12.test.ts", "  4.0 s unit: 4.test.ts"],
  );
});

test("each part of the run is listed, one that failed too", async () => {
  const times = new Times();
  assert.equal(await times.part("fine", async () => 1), 1);
  await assert.rejects(
    times.part("failing", () => Promise.reject(new Error("boo"))),
    /boo/,
  );
  assert.match(times.lines()[0] ?? "", /^Time of each part: fine \d+ ms, failing \d+ ms$/);
});
