import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { alignTable, ellipsis, shortId } from "../../../engine/cli/output/table.ts";
import { humanDuration } from "../../../engine/docker/human-duration.ts";
import { binarySize, humanAge, humanSize, parseMemory } from "../../../engine/docker/units.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe("durations in go-units' words", () => {
  const cases: [number, string][] = [
    [0, "Less than a second"],
    [450, "Less than a second"],
    [1 * second, "1 second"],
    [45 * second, "45 seconds"],
    [59.9 * second, "59 seconds"],
    [60 * second, "About a minute"],
    [119 * second, "About a minute"],
    [3 * minute, "3 minutes"],
    [59 * minute, "59 minutes"],
    [60 * minute, "About an hour"],
    [89 * minute, "About an hour"],
    [90 * minute, "2 hours"],
    [35 * hour, "35 hours"],
    [47 * hour, "47 hours"],
    [48 * hour, "2 days"],
    [13 * day, "13 days"],
    [14 * day, "2 weeks"],
    [59 * day, "8 weeks"],
    [60 * day, "2 months"],
    [(3 * 365 * day) / 2, "18 months"],
    [2 * 365 * day, "2 years"],
    [10 * 365 * day, "10 years"],
  ];
  for (const [milliseconds, text] of cases) {
    test(text, () => assert.equal(humanDuration(milliseconds), text));
  }

  test("ages count from now; an image without a time has none", () => {
    assert.equal(humanAge("2024-05-01T12:00:00Z", Date.parse("2024-05-01T12:02:00Z")), "2 minutes ago");
    assert.equal(humanAge(""), "N/A");
    assert.equal(humanAge("1970-01-01T00:00:00Z"), "N/A");
  });
});

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

describe("tables", () => {
  test("columns are at least 10 wide and 3 apart; the last one is not padded", () => {
    assert.equal(
      alignTable("ID\tPORTS\tNAMES\nabcdefghijkl\t\tweb\n"),
      "ID             PORTS     NAMES\nabcdefghijkl             web\n",
    );
  });

  test("an ellipsis takes one column", () => {
    assert.equal(ellipsis("sleep infinity and more", 20), "sleep infinity and …");
    assert.equal(ellipsis("exactly twenty chars", 20), "exactly twenty chars");
    assert.equal(shortId(`sha256:${"0123456789abcdef".repeat(4)}`), "0123456789ab");
  });
});
