import assert from "node:assert/strict";
import { test } from "node:test";
import { redactTrace } from "../../../../extension/engine/redact.ts";

test("a trace shows names of variables and never their values", () => {
  const params = {
    image: "alpine",
    env: ["TOKEN=s3cret", 'QUOTED=a"b]c', "EMPTY=", "BARE", "NEWLINE=x\ny=z"],
    secretValues: { KEY: 'hid"d}en', OTHER: "s3cond", NONE: "" },
    password: 'p"hrase',
    command: ["A=visible"],
    stream: { token: "0123abcd" },
  };
  for (const indent of [undefined, 4]) {
    const text = redactTrace(`Params: ${JSON.stringify(params, null, indent)}`);
    for (const secret of ["s3cret", "hid", "d}en", "s3cond", "hrase", 'a\\"b', "x\\ny", "y=z", "0123abcd"])
      assert.ok(!text.includes(secret), text);
    for (const shown of ["TOKEN=***", "KEY", "OTHER", "QUOTED=***", "BARE", "A=visible"])
      assert.ok(text.includes(shown), text);
  }
});
