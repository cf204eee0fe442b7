import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { retry } from "../support/retry.ts";
import type { Suite } from "./suite.ts";

export function terminalScenarios(get: () => Suite): void {
  test("-it is a terminal of the right size that follows a resize, and gives the exit status", async () => {
    const { mocker, images } = get();
    const terminal = await mocker.terminal({ columns: 97, rows: 31 });
    try {
      await terminal.type(
        `${mocker.commandLine(["run", "-it", "--rm", images.busybox, "sh"])}; echo "status $?"`,
      );
      await terminal.waitFor(/[#$] $/);
      await terminal.type("tty; stty size");
      await terminal.waitFor(/\/dev\/pts\/\d+\s+31 97/);
      await terminal.resize({ columns: 120, rows: 40 });
      await terminal.type("stty size");
      await terminal.waitFor(/40 120/);
      // The shell edits lines itself and takes Ctrl-C as a key until it runs something.
      await terminal.type("echo asleep && sleep 1000");
      await terminal.waitFor(/^asleep$/m);
      await terminal.press("C-c");
      // Not before the shell reads again: what is typed when a signal comes is thrown away.
      await terminal.waitFor(/\^C\n\S* ?[#$] ?$/m);
      await terminal.type("exit 5");
      await terminal.waitFor(/status 5/);
    } finally {
      await terminal.close();
    }
  });

  test("the detach keys leave the VM running", async () => {
    const { mocker, images } = get();
    const terminal = await mocker.terminal({ columns: 80, rows: 24 });
    try {
      await terminal.type(
        `${mocker.commandLine(["run", "-it", "--name", "detached", images.busybox, "sh"])}; echo "status $?"`,
      );
      await terminal.waitFor(/[#$] $/);
      await terminal.press("C-p");
      await terminal.press("C-q");
      await terminal.waitFor(/status 0/);
      assert.match(await mocker.ok(["ps", "--format", "{{.Names}} {{.State}}"]), /detached running/);
    } finally {
      await terminal.close();
    }
    await mocker.ok(["rm", "-f", "detached"]);
  });

  test("run -it whose terminal is closed ends as Docker's does; an attached one's VM goes on", async () => {
    const { mocker, images } = get();
    // A shell without job control that ignores SIGHUP outlives its terminal, and tells how the command ended.
    const statusFile = (name: string): string => join(mocker.dir, `${name}.status`);
    const noted = (name: string, args: string[]): string => {
      const script = join(mocker.dir, `${name}.sh`);
      writeFileSync(script, `trap '' HUP\n${mocker.commandLine(args)}\necho $? > ${statusFile(name)}\n`);
      return `exec sh ${script}`;
    };
    const status = (name: string): Promise<string> =>
      retry(() => readFileSync(statusFile(name), "utf8").trim() || undefined);

    const own = await mocker.terminal({ columns: 80, rows: 24 });
    try {
      await own.type(noted("run", ["run", "-it", "--name", "hung-up", images.debian, "bash"]));
      await own.waitFor(/[#$] $/);
      await own.hangUp();
    } finally {
      await own.close();
    }
    assert.equal(await status("run"), "129");
    assert.equal((await mocker.ok(["wait", "hung-up"])).trim(), "129");

    await mocker.ok(["run", "-dit", "--name", "attended", images.busybox, "sh"]);
    const visitor = await mocker.terminal({ columns: 80, rows: 24 });
    try {
      await visitor.type(noted("attach", ["attach", "attended"]));
      // A shell prints its prompt again for every Enter.
      await visitor.type("echo attached-$((40 + 2))");
      await visitor.waitFor(/attached-42/);
      await visitor.hangUp();
    } finally {
      await visitor.close();
    }
    assert.equal(await status("attach"), "129");
    const again = await mocker.terminal({ columns: 80, rows: 24 });
    try {
      await again.type(
        `${mocker.commandLine(["attach", "--detach-keys", "ctrl-x", "attended"])}; echo "status $?"`,
      );
      await again.type("echo still-$((40 + 2))");
      await again.waitFor(/still-42/);
      await again.press("C-x");
      await again.waitFor(/read escape sequence\s+status 1/);
    } finally {
      await again.close();
    }
    assert.equal(
      (await mocker.ok(["ps", "--filter", "name=attended", "--format", "{{.State}}"])).trim(),
      "running",
    );
    await mocker.ok(["rm", "-f", "hung-up", "attended"]);
  });
}
