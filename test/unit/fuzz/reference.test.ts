import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, familiar, parseReference, type Reference } from "../../../engine/docker/reference.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { corpus, fuzz, mutate } from "./fuzz.ts";

const dictionary = [
  ":",
  "@",
  "/",
  "//",
  "..",
  "__",
  "docker.io/",
  "library/",
  "[::1]",
  "sha256:",
  "latest",
  "é",
  "\0",
];

test("whatever is typed as a reference is refused in words, or means the same however it is written", async () => {
  const seeds = `${corpus("reference")[0]}`.split("\n").map((line) => Buffer.from(line));
  await fuzz(
    "reference",
    100,
    (random) => mutate(random, seeds, dictionary),
    (input) => {
      const text = input.toString("utf8");
      let reference: Reference;
      try {
        reference = parseReference(text);
      } catch (error) {
        assert.ok(error instanceof MockerError && error.code === "INVALID_REFERENCE", String(error));
        return false;
      }
      assert.deepEqual(parseReference(canonical(reference)), reference);
      assert.deepEqual(parseReference(familiar(reference)), reference);
      assert.match(canonical(reference), /^[!-~]+$/, "printable, without spaces");
      assert.doesNotMatch(reference.path, /\.\.|^\/|\/\/|\/$/, "harmless in an address");
      return true;
    },
  );
});
