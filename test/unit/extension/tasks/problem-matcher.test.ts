import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

interface Matcher {
  pattern: { regexp: string; file: number; line: number; column: number; severity: number; message: number };
  background: { beginsPattern: string; endsPattern: string };
}

const root = process.env.MOCKER_TEST_ROOT ?? process.cwd();
const { contributes } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  contributes: { problemMatchers: [Matcher] };
};
const [{ pattern, background }] = contributes.problemMatchers;

test("$mocker finds what compilers say of the workspace's files, by their names in the VM as well", () => {
  const found = (line: string) => {
    const match = new RegExp(pattern.regexp).exec(line);
    const { file, line: number, column, severity, message } = pattern;
    return match && [file, number, column, severity, message].map((group) => match[group]);
  };
  assert.deepEqual(found("src/main.c:3:5: error: expected ';'"), [
    "src/main.c",
    "3",
    "5",
    "error",
    "expected ';'",
  ]);
  assert.deepEqual(found("/workspaces/demo/a/b.cc:10: warning: x"), [
    "a/b.cc",
    "10",
    undefined,
    "warning",
    "x",
  ]);
  assert.deepEqual(found("main.c:1:10: fatal error: x.h: No such file"), [
    ...["main.c", "1", "10", "error", "x.h: No such file"],
  ]);
  assert.equal(found("/usr/include/stdio.h:1:1: error: not the workspace's"), null);
  assert.equal(found("12:00:01: error: a log"), null);
});

test("$mocker knows a task that starts and one that runs by the signs of our lines, in any language", () => {
  assert.match("[▷ Starting a VM]", new RegExp(background.beginsPattern));
  assert.match("[▶ web läuft]", new RegExp(background.endsPattern));
  assert.doesNotMatch("▶ a program's own line", new RegExp(background.endsPattern));
});
