import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

const oneArgument = "x".repeat(100_000);
const tooMany = Array<string>(11).fill(oneArgument);
const limit = /the command with its environment is too long: \d+ bytes, at most 1000000 may be/;

/** The control conversation with a VM: nothing that is asked for costs anybody the VM. */
export function controlScenarios(get: () => Suite): void {
  test("an exec that is too long is refused with the limit, and costs the VM nothing", async () => {
    const { mocker, images } = get();
    await mocker.ok(["run", "-d", "--name", "big", images.busybox, "sleep", "1000"]);
    const refused = await mocker.run(["exec", "big", "true", ...tooMany]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, limit);
    const taken = ["sh", "-c", 'echo $#; printf %s "$1" | wc -c', "sh", ...tooMany.slice(0, 8)];
    assert.equal(await mocker.ok(["exec", "big", ...taken]), "8\n100000\n");
    await mocker.ok(["kill", "big"]);
    assert.equal((await mocker.ok(["wait", "big"])).trim(), "137");
    await mocker.ok(["rm", "big"]);
  });

  test("a VM that could never start is refused when it is created", async () => {
    const { mocker, images } = get();
    const many = await mocker.run(["create", "--name", "never", images.busybox, "true", ...tooMany]);
    assert.match(many.stderr, limit);
    // Longer than any argument of the command may be.
    const file = join(mocker.dir, "long.env");
    writeFileSync(file, `LONG=${"x".repeat(140_000)}\n`);
    const one = await mocker.run(["create", "--name", "never", "--env-file", file, images.busybox]);
    assert.match(one.stderr, /the environment variable LONG is too long: \d+ bytes, at most 131071 may be/);
    assert.doesNotMatch(await mocker.ok(["ps", "-a", "--format", "{{.Names}}"]), /never/);
  });

  test("text of every kind gets into a VM and out again", async () => {
    const { mocker, images } = get();
    const text = "\u{1f600} é \u0001\u001b[31m \\ud800 \ufffd \ufeff \u2028";
    const print = ["sh", "-c", 'printf "%s|%s" "$0" "$TEXT"', text];
    const run = await mocker.ok(["run", "--rm", "-e", `TEXT=${text}`, images.busybox, ...print]);
    assert.equal(run, `${text}|${text}`);
  });
}
