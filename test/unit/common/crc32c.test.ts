import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "../../../engine/common/crc32c.ts";

test("the check value of CRC-32C, in one piece and in two", () => {
  const whole = crc32c(Buffer.from("123456789"));
  assert.equal(~whole >>> 0, 0xe3069283);
  assert.equal(crc32c(Buffer.from("56789"), crc32c(Buffer.from("1234"))), whole);
});
