import { strict as assert } from "node:assert";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";
import { makeTestUser, type TestUser } from "../support/test-user.ts";
import { Editor } from "./harness/editor.ts";
import { enginesOf } from "./harness/engines.ts";
import { saveImage } from "./harness/local-image.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

describe("as an ordinary user", () => {
  let user: TestUser | undefined;
  let editor: Editor;
  let archive = "";
  pictureFailures(() => editor, true);
  before(async () => {
    const mocker = new Mocker();
    // Who is not root is an ordinary user.
    if (process.getuid?.() === 0) user = await makeTestUser(mocker.home);
    archive = await saveImage(mocker, "busybox", "busybox:1.36");
    editor = await Editor.open({ mocker, user });
    await editor.showViews();
    await editor.view("Images").getByText("Pull an Image").waitFor();
  });
  after(async () => {
    await editor?.close();
    await user?.remove();
  });

  it("the wizard brings an image from a file and runs it; the console shows the exit code", async () => {
    await editor.begin("mocker.run");
    await editor.waitForStep(/1\/8/);
    await editor.page.keyboard.type(`docker-archive:${archive}`);
    await editor.pick(/^Pull docker-archive:/);
    await editor.answer("Name of the VM", "mine");
    await editor.passNetwork();
    await editor.pick("Workspace folder demo");
    await editor.answer("Where the folder appears in the VM", "/data");
    await editor.pick("Continue");
    await editor.pick("Continue without variables");
    await editor.pick("Default");
    await editor.quickInput.locator(".monaco-list-row", { hasText: "Runbusybox:1.36" }).waitFor();
    await editor.pick("Runbusybox:1.36");
    await editor.waitForTerminalNamed("mine");
    await editor.waitForTerminal(/\/ # ?$/);
    await editor.type("id -u; touch /data/made-in-the-vm && exit 3");
    await editor.waitForTerminal(
      /^0\n[\s\S]*mine exited with code 3\. Press Enter or q to close this terminal/m,
    );
    await editor.row("Virtual Machines", "mine").waitFor();
    await editor.shoot("ordinary-user");
    const uid = user?.uid ?? process.getuid?.();
    assert.equal(statSync(join(editor.workspace, "made-in-the-vm")).uid, uid);
    const [engine] = enginesOf(editor.mocker);
    assert.equal(statSync(`/proc/${engine}`).uid, uid);
  });

  it("the command line is installed and works where no Node is on PATH", async () => {
    await editor.begin("mocker.installCommand");
    const toast = await editor.onlyToast("Installed ~/.local/bin/mocker", "Copy PATH Setting");
    await editor.shoot("install-command");
    await toast.getByRole("button", { name: "Copy PATH Setting" }).click();
    const folder = join(editor.mocker.home, ".local/bin");
    await retry(async () => (await editor.clipboard()) === `export PATH="${folder}:$PATH"`);
    await editor.host((api) => api.window.createTerminal({ name: "plain", shellPath: "/bin/sh" }).show());
    await editor.waitForTerminalNamed("plain");
    await editor.waitForTerminal(/[$#] ?$/);
    await editor.type("PATH=$HOME/.local/bin; command -v node || mocker --version; mocker ps -a");
    await editor.waitForTerminal(
      /^Mocker version \d+\.\d+\.\d+.*\n[\s\S]*busybox:1\.36[\s\S]*Exited \(3\)/im,
    );
    await editor.shoot("installed-command");
  });
});
