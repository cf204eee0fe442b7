import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chainId,
  digestOf,
  isDigest,
  shortDigest,
  splitDigest,
  verifyDigest,
} from "../../../engine/docker/digest.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";

const hex = "ab".repeat(32);

test("only sha256 and sha512 in lower-case hexadecimal are digests", () => {
  assert.ok(isDigest(`sha256:${hex}`));
  assert.ok(isDigest(`sha512:${hex}${hex}`));
  for (const bad of [
    "",
    hex,
    `sha256:${hex}a`,
    `sha256:${hex.toUpperCase()}`,
    `md5:${hex}`,
    `sha256:../${hex.slice(3)}`,
  ])
    assert.ok(!isDigest(bad), bad);
  assert.deepEqual(splitDigest(`sha256:${hex}`), { algorithm: "sha256", hex });
  assert.throws(() => splitDigest("../x"), /invalid digest "\.\.\/x"/);
  assert.equal(shortDigest(`sha256:${hex}`), hex.slice(0, 12));
});

test("bytes of another digest are refused, with both digests", () => {
  const bytes = Buffer.from("hello");
  verifyDigest(bytes, digestOf(bytes), "it");
  assert.throws(
    () => verifyDigest(bytes, `sha256:${hex}`, "it"),
    (error) =>
      error instanceof MockerError &&
      error.code === "DIGEST_MISMATCH" &&
      error.message === `it: expected digest sha256:${hex}, got ${digestOf(bytes)}`,
  );
});

test("the chain of one layer is its diff ID, and each further one is hashed in", () => {
  const [a, b] = [`sha256:${"0a".repeat(32)}`, `sha256:${"0b".repeat(32)}`];
  assert.equal(chainId([a]), a);
  assert.equal(chainId([a, b]), digestOf(Buffer.from(`${a} ${b}`)));
  assert.notEqual(chainId([a, b]), chainId([b, a]));
  assert.equal(chainId([]), digestOf(Buffer.alloc(0)));
});
