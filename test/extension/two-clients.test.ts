import { strict as assert } from "node:assert";
import { after, before, describe, it } from "mocha";
import { Mocker } from "../support/mocker.ts";
import { isAlive, killQuietly } from "../support/processes.ts";
import { retry } from "../support/retry.ts";
import { Editor, terminalNames } from "./harness/editor.ts";
import { enginesOf } from "./harness/engines.ts";
import { note } from "./harness/figures.ts";
import { importImage } from "./harness/local-image.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

/** What the bar for a row is. */
const barMs = 300;

/** Icon of a VM that runs, on either runtime. */
const running = ".codicon-vm-running, .codicon-vm-outline";

describe("the editor and the command line", () => {
  let editor: Editor;
  pictureFailures(() => editor, true);

  /** As a click on the VM's row does. */
  const openTerminalOf = async (name: string): Promise<void> => {
    await (await editor.settled(editor.row("Virtual Machines", name))).click();
    await editor.waitForTerminalNamed(name);
  };
  const pressEnter = async (): Promise<void> => {
    await editor.terminal.click();
    await editor.page.keyboard.press("Enter");
  };
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
    // One after the other: most come within a second of another change.
    for (let number = 1; number <= 20; number++) {
      const name = `from-cli-${number}`;
      const shown = whenRowShows(editor, name);
      await editor.mocker.ok(["run", "-d", "--name", name, "busybox:1.36", "sleep", "3600"]);
      const [inspected] = JSON.parse(await editor.mocker.ok(["inspect", name])) as { Created: string }[];
      late.push((await shown) - Date.parse(inspected?.Created ?? ""));
      // As many as the view shows at once.
      if (number > 5) await editor.mocker.ok(["rm", "-f", `from-cli-${number - 5}`]);
    }
    note("VM of the command line: record → row in the tree", `${late.join(", ")} ms (bar: ${barMs} ms)`);
    await editor.page.locator(".statusbar-item", { hasText: "5 running" }).waitFor();
    await editor.shoot("vms");
  });

  it("several VMs are removed after one question", async () => {
    await editor.row("Virtual Machines", "from-cli-20").click();
    await editor.page.keyboard.down("Shift");
    await editor.row("Virtual Machines", "from-cli-18").click();
    await editor.page.keyboard.up("Shift");
    await editor.page.keyboard.press("Delete");
    const dialog = editor.page.locator(".monaco-dialog-box");
    await dialog.getByText("Remove 3 VMs?").waitFor();
    await editor.shoot("remove-vms");
    await dialog.getByRole("button", { name: "Remove", exact: true }).click();
    await editor.row("Virtual Machines", "from-cli-18").waitFor({ state: "detached" });
    await editor.mocker.until(["ps", "-aq"], (text) => text.trim().split("\n").length === 2);
    assert.deepEqual(await editor.toasts(), []);
  });

  it("the command line sees a VM that was stopped in the editor", async () => {
    const row = editor.row("Virtual Machines", "from-cli-17");
    await editor.press(row, "Stop VM");
    await editor.mocker.until(["ps", "--format", "{{.Names}}"], (text) => !text.includes("from-cli-17"));
    await row.filter({ has: editor.page.locator(".codicon-vm") }).waitFor();
    assert.match(await editor.mocker.ok(["ps", "-a"]), /Exited \(\d+\).*from-cli-17/);
  });

  it("a click on a VM that has ended shows its output and how it ended", async () => {
    const script = "echo last words; exit 3";
    await editor.mocker.run(["run", "--name", "ended", "busybox:1.36", "sh", "-c", script]);
    await openTerminalOf("ended");
    await editor.waitForTerminal(/^last words\n+\[ended exited with code 3\. Press Enter or q to close/m);
    await editor.shoot("output-of-ended");
    await pressEnter();
    await retry(async () => !(await terminalNames(editor)).includes("ended"));
    await editor.mocker.ok(["rm", "ended"]);
  });

  it("a click on a VM that has not run yet offers to start it", async () => {
    const script = "echo it runs; sleep 3600";
    await editor.mocker.ok(["create", "--name", "later", "busybox:1.36", "sh", "-c", script]);
    await openTerminalOf("later");
    await editor.waitForTerminal(/later has not run yet\. Press Enter to start it/);
    await editor.shoot("created");
    await pressEnter();
    await editor.waitForTerminal(/^it runs$/m);
    await editor.mocker.until(["ps", "--format", "{{.Names}}"], /later/);
    await editor.mocker.ok(["rm", "-f", "later"]);
    await editor.waitForTerminal(/Press Enter or q to close/);
    await editor.page.keyboard.press("Enter");
    await retry(async () => !(await terminalNames(editor)).includes("later"));
  });

  it("an engine that is killed comes back by itself; the VM and its console go on", async () => {
    await editor.begin("mocker.startVm");
    await editor.pick("from-cli-17");
    await editor.mocker.ok(["run", "-dit", "--name", "shell", "busybox:1.36"]);
    const row = editor.row("Virtual Machines", "shell");
    await row.filter({ has: editor.page.locator(running) }).click();
    await editor.waitForTerminalNamed("shell");
    await editor.type("echo before-$((1 + 1))");
    await editor.waitForTerminal(/^before-2$/m);
    const [engine = 0] = enginesOf(editor.mocker);
    const id = (await editor.mocker.ok(["ps", "-q", "--no-trunc", "--filter", "name=shell"])).trim();
    killQuietly(engine);
    // Until it is gone its sockets take what is typed, which nobody reads any more.
    await retry(() => !isAlive(engine));
    await editor.type("echo after-$((1 + 2))");
    await retry(() => enginesOf(editor.mocker).length === 1, { what: "a new engine" });
    await editor.row("Virtual Machines", "shell").waitFor();
    await editor.waitForTerminal(/^before-2$.*^after-3$/ms);
    assert.equal((await editor.mocker.ok(["ps", "-q", "--no-trunc", "--filter", "name=shell"])).trim(), id);
    assert.equal(enginesOf(editor.mocker).length, 1);
    assert.deepEqual(await editor.toasts(), []);
    await editor.shoot("engine-killed");
  });

  it("what is typed while there is no engine reaches the VM afterwards; too much is dropped, and told", async () => {
    await loseEngine(editor);
    await editor.waitForTerminal(/The connection to the engine was lost/);
    await editor.type("echo kept-$((3 + 4))");
    await findEngine(editor);
    await editor.waitForTerminal(/^kept-7$/m);

    await loseEngine(editor);
    await editor.waitForTerminal(/The connection to the engine was lost/);
    await editor.host((api) => api.window.activeTerminal?.sendText(`echo ${"x".repeat(70_000)}`));
    await editor.type("echo too-much-$((5 + 6))");
    await editor.waitForTerminal(/too much to be kept.*it was dropped/s);
    await findEngine(editor);
    await editor.waitForTerminal(/^kept-7$.*too much to be kept/ms);
    await editor.type("echo again-$((7 + 8))");
    assert.doesNotMatch(await editor.waitForTerminal(/^again-15$/m), /too-much|xxx/);
  });

  it("what is typed for a VM that is gone when the engine is back is dropped, and told", async () => {
    await loseEngine(editor);
    await editor.waitForTerminal(/The connection to the engine was lost/);
    await editor.type("echo for-nobody");
    await editor.mocker.ok(["rm", "-f", "shell"]);
    await findEngine(editor);
    await editor.waitForTerminal(/The VM was removed\..*What was typed meanwhile was dropped/s);
    await editor.page.keyboard.press("Enter");
    await retry(async () => !(await terminalNames(editor)).includes("shell"));
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

/** Ends the engine, and keeps the editor from starting another. */
async function loseEngine(editor: Editor): Promise<void> {
  await editor.set("mocker.engine.path", "/nowhere/engine.js");
  const engines = enginesOf(editor.mocker);
  for (const pid of engines) killQuietly(pid);
  await editor.view("Virtual Machines").getByText("cannot be started").waitFor();
}

/** Undoes {@link loseEngine}. */
async function findEngine(editor: Editor): Promise<void> {
  await editor.set("mocker.engine.path", undefined);
  await editor.row("Images", "busybox:1.36").waitFor();
}

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
