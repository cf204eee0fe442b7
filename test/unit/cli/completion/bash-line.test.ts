import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bashReplacement, readBashLine } from "../../../../engine/cli/completion/bash-line.ts";

const breaks = ` \t\n"'><=;|&(:`;

describe("a line is read as bash does", () => {
  for (const [line, words, partial, kept, quote] of [
    ["mocker rm ", ["mocker", "rm"], "", "", ""],
    ["mocker run alpine:3.", ["mocker", "run"], "alpine:3.", "alpine:", ""],
    ["mocker run --env=a:b", ["mocker", "run"], "--env=a:b", "--env=a:", ""],
    [String.raw`mocker rm a\ b "c d" e\:f`, ["mocker", "rm", "a b", "c d"], "e:f", "", ""],
    ['mocker rm "a:b', ["mocker", "rm"], "a:b", "", '"'],
    ["mocker rm x='a b", ["mocker", "rm"], "x=a b", "x=", "'"],
    [String.raw`mocker rm "a\"\n`, ["mocker", "rm"], String.raw`a"\n`, "", '"'],
    ["mocker rm '' ''", ["mocker", "rm", ""], "", "", ""],
  ] as const) {
    test(line, () => assert.deepEqual(readBashLine(line, breaks), { words, partial, kept, quote }));
  }
});

test("what bash is given is quoted as the word is that it stands in", () => {
  const given = (line: string, candidate: string): string =>
    bashReplacement(candidate, readBashLine(line, breaks));
  assert.equal(given("m a:", "a:b c$d"), String.raw`b\ c\$d`);
  assert.equal(given('m "a:', "a:b c$d"), String.raw`a:b c\$d`);
  assert.equal(given("m 'a:", "a:b c$d'"), String.raw`a:b c$d'\''`);
});
