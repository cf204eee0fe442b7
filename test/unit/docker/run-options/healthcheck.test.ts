import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkHealthcheck,
  healthcheckCommand,
  mergeHealthcheck,
} from "../../../../engine/docker/run-options/healthcheck.ts";

test("the user's check takes from the image's what it leaves open", () => {
  const image = { test: ["CMD", "check"], intervalMs: 5000, retries: 2 };
  assert.deepEqual(mergeHealthcheck(image, undefined), image);
  assert.deepEqual(mergeHealthcheck(image, { retries: 7 }), { ...image, retries: 7 });
  assert.deepEqual(mergeHealthcheck(image, { test: ["CMD-SHELL", "true"] }), {
    ...image,
    test: ["CMD-SHELL", "true"],
  });
  assert.equal(mergeHealthcheck(image, { test: ["NONE"] }), undefined);
  assert.equal(mergeHealthcheck({ test: ["NONE"] }, { retries: 7 }), undefined);
  assert.equal(mergeHealthcheck(undefined, undefined), undefined);
});

test("a check is a command or a shell's", () => {
  assert.deepEqual(healthcheckCommand({ test: ["CMD", "check", "-x"] }), ["check", "-x"]);
  assert.deepEqual(healthcheckCommand({ test: ["CMD-SHELL", "a && b"] }), ["/bin/sh", "-c", "a && b"]);
  assert.throws(() => checkHealthcheck({ test: ["FOO"] }), /Unknown healthcheck type 'FOO'/);
  assert.throws(
    () => checkHealthcheck({ intervalMs: 0.5 }),
    /Interval in Healthcheck cannot be less than 1ms/,
  );
});
