import assert from "node:assert/strict";
import { test } from "node:test";
import {
  fitting,
  formatPlatform,
  hostPlatform,
  match,
  normalize,
  parsePlatform,
} from "../../../../../engine/daemon/images/oci/platform.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";

test("one platform has one spelling, as containerd has it", () => {
  const cases: [text: string, normal: string][] = [
    ["linux/x86_64", "linux/amd64"],
    ["Linux/AMD64/v1", "linux/amd64"],
    ["linux/amd64/v2", "linux/amd64/v2"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/8", "linux/arm64"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/armel", "linux/arm/v6"],
    ["i686", "linux/386"],
    ["riscv64", "linux/riscv64"],
    ["linux", formatPlatform(hostPlatform())],
  ];
  for (const [text, normal] of cases) assert.equal(formatPlatform(parsePlatform(text)), normal, text);
});

test("what is no platform is refused", () => {
  for (const bad of ["", "a/b/c/d", "linux/", "linux/am d64", "/amd64"])
    assert.throws(
      () => parsePlatform(bad),
      (error) =>
        error instanceof MockerError &&
        error.code === "INVALID_ARGUMENT" &&
        error.message === `invalid platform "${bad}"`,
    );
});

test("a processor runs the code of its own variant best, then of the newest older one", () => {
  const rank = (wanted: string, offered: string): number =>
    match(parsePlatform(wanted), parsePlatform(offered));
  assert.ok(rank("linux/arm/v7", "linux/arm/v7") > rank("linux/arm/v7", "linux/arm/v6"));
  assert.ok(rank("linux/arm/v7", "linux/arm/v6") > rank("linux/arm/v7", "linux/arm/v5"));
  for (const [wanted, offered] of [
    ["linux/arm/v6", "linux/arm/v7"],
    ["linux/amd64", "linux/amd64/v3"],
    ["linux/amd64", "linux/arm64"],
    ["linux/amd64", "windows/amd64"],
  ] as const)
    assert.equal(rank(wanted, offered), 0, `${offered} on ${wanted}`);
  assert.ok(rank("linux/amd64/v3", "linux/amd64") > 0);
});

test("of several candidates the one that fits best is chosen, or it is said which there are", () => {
  const candidates = ["linux/arm/v5", "linux/arm/v6", "linux/s390x"].map((value) => ({
    platform: normalize(parsePlatform(value)),
    value,
  }));
  assert.equal(fitting(candidates, "linux/arm/v7", "app"), "linux/arm/v6");
  assert.throws(
    () => fitting(candidates, "amd64", "app"),
    (error) =>
      error instanceof MockerError &&
      error.code === "NO_MATCHING_PLATFORM" &&
      (error.hint ?? "").startsWith("It is here for linux/arm/v5, linux/arm/v6, linux/s390x;"),
  );
});
