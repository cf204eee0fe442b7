import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { binarySize, humanSize, parseMemory, parseSize } from "../../../engine/docker/sizes.ts";

describe("sizes", () => {
  const cases: [number, string][] = [
    [0, "0B"],
    [999, "999B"],
    [1000, "1kB"],
    [1024, "1.02kB"],
    [7_730_000, "7.73MB"],
    [121_456_789, "121MB"],
    [999_900, "1MB"],
    [1_234_567_890, "1.23GB"],
    [5e15, "5PB"],
  ];
  for (const [bytes, text] of cases) test(text, () => assert.equal(humanSize(bytes), text));

  test("progress has four digits, memory powers of 1024", () => {
    assert.equal(humanSize(1_234_567, 4), "1.235MB");
    assert.equal(binarySize(16_686_043_136), "15.54GiB");
  });

  test("sizes of files are in powers of 1000", () => {
    assert.deepEqual(["10m", "1.5GB", "7"].map(parseSize), [10_000_000, 1_500_000_000, 7]);
    assert.throws(() => parseSize("much"), new Error("invalid size: 'much'"));
  });

  test("memory limits", () => {
    const limits: [string, number][] = [
      ["1024", 1024],
      ["64b", 64],
      ["1k", 1024],
      ["512m", 512 * 1024 ** 2],
      ["512M", 512 * 1024 ** 2],
      ["1.5g", 1.5 * 1024 ** 3],
      ["2GiB", 2 * 1024 ** 3],
      ["3 mb", 3 * 1024 ** 2],
      ["0", 0],
    ];
    for (const [text, bytes] of limits) assert.equal(parseMemory(text), bytes, text);
    assert.throws(() => parseMemory("abc"), new Error("invalid size: 'abc'"));
    assert.throws(() => parseMemory("1x"), new Error("invalid suffix: 'x'"));
    assert.throws(() => parseMemory(""), new Error("invalid size: ''"));
    assert.throws(() => parseMemory("-1"), new Error("invalid size: '-1'"));
  });
});
