import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRestartPolicy } from "../../../../engine/docker/run-options/restart-policy.ts";

test("policies are read as Docker reads them", () => {
  const texts = ["", "no", "always", "on-failure", "on-failure:", "on-failure:3", "unless-stopped"];
  assert.deepEqual(
    texts
      .map((text) => parseRestartPolicy(text))
      .map(({ name, maximumRetryCount }) => [name, maximumRetryCount]),
    [
      ["no", 0],
      ["no", 0],
      ["always", 0],
      ["on-failure", 0],
      ["on-failure", 0],
      ["on-failure", 3],
      ["unless-stopped", 0],
    ],
  );
});

test("what is none is refused in Docker's words", () => {
  const only = "invalid restart policy: maximum retry count can only be used with 'on-failure'";
  for (const [text, message] of [
    [":3", "invalid restart policy format: no policy provided before colon"],
    ["on-failure:x", "invalid restart policy format: maximum retry count must be an integer"],
    ["on-failure:-1", "invalid restart policy: maximum retry count cannot be negative"],
    ["always:1", only],
    ["always:-1", `${only} and cannot be negative`],
    [
      "never",
      "invalid restart policy: unknown policy 'never'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
    ],
  ] as const) {
    assert.throws(() => parseRestartPolicy(text), { code: "INVALID_ARGUMENT", message });
  }
});
