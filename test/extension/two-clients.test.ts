import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "mocha";
import { Mocker } from "../support/mocker.ts";
import { isAlive, killQuietly } from "../support/processes.ts";
import { retry } from "../support/retry.ts";
import { Editor } from "./editor.ts";
import { enginesOf } from "./engines.ts";
import { note } from "./figures.ts";
import { importImage } from "./local-image.ts";
import { pictureFailures } from "./picture-failures.ts";

/** What the bar for a row is, which the machine may miss when others use it; what is asserted is generous. */
const barMs = 300;
const generousMs = 3000;

/** Icon of a VM that runs, on either runtime. */
const running = ".codicon-vm-running, .codicon-vm-outline";

describe("the editor and the command line", () => {
  let editor: Editor;
  pictureFailures(() => editor);
  before(async () => {
    const mocker = new Mocker();
    await importImage(mocker, "busybox", "busybox:1.36");
    editor = await Editor.open({ mocker });
    await editor.showViews();
    await editor.row("Images", "busybox:1.36").waitFor();
  });
  after(async () => await editor?.close());

  it("a VM that the command line starts appears at once", async () => {
    const late: number[] = [];
    for (let number = 1; number <= 5; number++) {
      const name = `from-cli-${number}`;
      // The editor itself joins changes that follow each other closely.
      await sleep(1000);
      const shown = whenRowShows(editor, name);
      await editor.mocker.ok(["run", "-d", "--name", name, "busybox:1.36", "sleep", "3600"]);
      const [inspected] = JSON.parse(await editor.mocker.ok(["inspect", name])) as { Created: string }[];
      late.push((await shown) - Date.parse(inspected?.Created ?? ""));
    }
    note("VM of the command line: record → row in the tree", `${late.join(", ")} ms (bar: ${barMs} ms)`);
    assert.ok(Math.min(...late) < generousMs, `rows came ${late.join(", ")} ms after the VMs`);
    await editor.page.locator(".statusbar-item", { hasText: "5 running" }).waitFor();
    await editor.shoot("vms");
  });

  it("several VMs are removed after one question", async () => {
    await editor.row("Virtual Machines", "from-cli-5").click();
    await editor.page.keyboard.down("Shift");
    await editor.row("Virtual Machines", "from-cli-3").click();
    await editor.page.keyboard.up("Shift");
    await editor.page.keyboard.press("Delete");
    const dialog = editor.page.locator(".monaco-dialog-box");
    await dialog.getByText("Remove 3 VMs?").waitFor();
    await editor.shoot("remove-vms");
    await dialog.getByRole("button", { name: "Remove", exact: true }).click();
    await editor.row("Virtual Machines", "from-cli-3").waitFor({ state: "detached" });
    await editor.mocker.until(["ps", "-aq"], (text) => text.trim().split("\n").length === 2);
    assert.deepEqual(await editor.toasts(), []);
  });

  it("the command line sees a VM that was stopped in the editor", async () => {
    const row = editor.row("Virtual Machines", "from-cli-2");
    await editor.press(row, "Stop VM");
    await editor.mocker.until(["ps", "--format", "{{.Names}}"], (text) => !text.includes("from-cli-2"));
    await row.filter({ has: editor.page.locator(".codicon-vm") }).waitFor();
    assert.match(await editor.mocker.ok(["ps", "-a"]), /Exited \(\d+\).*from-cli-2/);
  });

  it("an engine that is killed comes back by itself; the VM and its console go on", async () => {
    await editor.begin("mocker.startVm");
    await editor.pick("from-cli-2");
    await editor.mocker.ok(["run", "-dit", "--name", "shell", "busybox:1.36"]);
    const row = editor.row("Virtual Machines", "shell");
    await row.filter({ has: editor.page.locator(running) }).click();
    await editor.waitForTerminalNamed("shell");
    await editor.type("echo before-$((1 + 1))");
    await editor.waitForTerminal(/^before-2$/m);
    const [engine = 0] = enginesOf(editor.mocker);
    const id = (await editor.mocker.ok(["ps", "-q", "--no-trunc", "--filter", "name=shell"])).trim();
    killQuietly(engine);
    await retry(() => !isAlive(engine));
    await retry(() => enginesOf(editor.mocker).length === 1, { what: "a new engine" });
    await editor.row("Virtual Machines", "shell").waitFor();
    // What is typed until the console is attached again goes nowhere.
    await retry(
      async () => {
        await editor.type("echo after-$((1 + 2))");
        return await editor.waitForTerminal(/^before-2$.*^after-3$/ms, 1000);
      },
      { timeoutMs: 20_000 },
    );
    assert.equal((await editor.mocker.ok(["ps", "-q", "--no-trunc", "--filter", "name=shell"])).trim(), id);
    assert.equal(enginesOf(editor.mocker).length, 1);
    assert.deepEqual(await editor.toasts(), []);
    await editor.shoot("engine-killed");
  });

  it("many kills in a row leave one engine", async () => {
    for (let time = 0; time < 3; time++) {
      for (const pid of enginesOf(editor.mocker)) killQuietly(pid);
      await editor.mocker.ok(["ps"]);
    }
    await retry(() => enginesOf(editor.mocker).length === 1);
    await editor.mocker.ok(["run", "-d", "--name", "afterwards", "busybox:1.36", "sleep", "3600"]);
    await editor.row("Virtual Machines", "afterwards").waitFor();
    assert.equal(enginesOf(editor.mocker).length, 1);
  });
});

/** Time of day, in milliseconds, at which a row with the text is first there. */
async function whenRowShows(editor: Editor, text: string): Promise<number> {
  return await editor.page.evaluate<number>(`new Promise((resolve) => {
    const found = () =>
      [...document.querySelectorAll(".pane .monaco-list-row")].some((row) =>
        row.textContent.includes(${JSON.stringify(text)}));
    const observer = new MutationObserver(() => {
      if (!found()) return;
      observer.disconnect();
      resolve(Date.now());
    });
    observer.observe(document.body, { childList: true, subtree: true, characterData: true });
  })`);
}
