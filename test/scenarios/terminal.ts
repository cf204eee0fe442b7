import assert from "node:assert/strict";
import { test } from "node:test";
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
}
