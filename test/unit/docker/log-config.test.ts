import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLogConfig, logLimits, logLimitsText } from "../../../engine/docker/log-config.ts";

test("drivers have Docker's defaults, and a log of our own has room for much", () => {
  assert.deepEqual(logLimits(defaultLogConfig), { maxBytes: 64 * 1024 * 1024, maxFiles: 4, kept: true });
  assert.deepEqual(logLimits({ driver: "json-file", options: {} }), {
    maxBytes: 2 ** 50,
    maxFiles: 1,
    kept: true,
  });
  assert.equal(logLimits({ driver: "none", options: {} }).kept, false);
});

test("max-size and max-file say how much is kept", () => {
  const limits = logLimits({ driver: "json-file", options: { "max-size": "10m", "max-file": "3" } });
  assert.deepEqual(limits, { maxBytes: 10_000_000, maxFiles: 3, kept: true });
  assert.equal(logLimitsText(limits), "3 files of at most 10MB");
  assert.equal(logLimits({ driver: "local", options: { "max-size": "1" } }).maxBytes, 4096);
});

const refused: [string, Record<string, string>, string][] = [
  ["syslog", {}, "logger: no log driver named 'syslog' is registered"],
  ["__proto__", {}, "logger: no log driver named '__proto__' is registered"],
  ["none", { "max-size": "1m" }, "invalid logging opts for driver none"],
  ["local", { foo: "1" }, "unknown log opt 'foo' for log driver local"],
  ["json-file", { foo: "1" }, "unknown log opt 'foo' for json-file log driver"],
  ["json-file", { tag: "x" }, "log opt 'tag' is not supported"],
  [
    "local",
    { "max-size": "much" },
    "failed to initialize logging driver: invalid value for max-size: much: invalid size: 'much'",
  ],
  ["local", { "max-size": "0" }, "failed to initialize logging driver: max-size must be a positive number"],
  ["local", { "max-file": "0" }, "failed to initialize logging driver: max-file cannot be less than 1"],
  [
    "local",
    { "max-file": "two" },
    'failed to initialize logging driver: invalid value for max-file: two: strconv.Atoi: parsing "two": invalid syntax',
  ],
  [
    "local",
    { "max-file": "99999999999999999999" },
    'failed to initialize logging driver: invalid value for max-file: 99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range',
  ],
];
test("a mistyped option is told which there are", () => {
  const hint = /max-size=10m --log-opt max-file=3$/;
  for (const name of ["maxsize", "compress"]) {
    assert.throws(() => logLimits({ driver: "local", options: { [name]: "1" } }), { hint });
  }
  assert.throws(() => logLimits({ driver: "local", options: { "max-size": "" } }), { hint });
});

for (const [driver, options, message] of refused) {
  test(`refused: ${message}`, () => assert.throws(() => logLimits({ driver, options }), { message }));
}
