import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { Mocker } from "../support/mocker.ts";
import { processesMentioning } from "../support/processes.ts";
import { retry } from "../support/retry.ts";
import { Editor, terminalNames } from "./harness/editor.ts";
import { filesHolding } from "./harness/files-holding.ts";
import { importImage } from "./harness/local-image.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

const secret = "s3cret-k7Qw9xZr2";
const secretHash = createHash("sha256").update(secret).digest("hex");

describe("the run wizard", () => {
  let editor: Editor;
  pictureFailures(() => editor);
  before(async () => {
    const mocker = new Mocker();
    await importImage(mocker, "busybox", "busybox:1.36");
    await importImage(mocker, "configured", "configured:1.0");
    editor = await Editor.open({
      mocker,
      // Everything that can be written to a log is written.
      env: { MOCKER_LOG_LEVEL: "debug" },
      settings: { "mocker.trace.server": "verbose" },
      files: { "data/kept.txt": "as it was\n" },
    });
    await editor.showViews();
    await editor.row("Images", "busybox:1.36").waitFor();
  });
  after(async () => await editor?.close());

  it("by keyboard alone, from the palette to the console", async () => {
    const { keyboard } = editor.page;
    const enter = async (step: string | RegExp, text: string) => {
      await editor.waitForStep(step);
      await keyboard.type(text);
      await keyboard.press("Enter");
    };
    await editor.command("workbench.action.focusActiveEditorGroup");
    await keyboard.press("F1");
    await editor.quickInput.locator("input").first().waitFor();
    await keyboard.type("Mocker: Run a VM");
    await editor.quickInput.locator(".monaco-list-row.focused", { hasText: "Mocker: Run a VM…" }).waitFor();
    await keyboard.press("Enter");
    await editor.quickInput.filter({ hasText: "1/8" }).getByText("busybox:1.36").waitFor();
    await keyboard.type("busy");
    await editor.quickInput.locator(".monaco-list-row.focused", { hasText: "busybox:1.36" }).waitFor();
    await keyboard.press("Enter");
    await enter(/2\/8.*Name of the VM/s, "keys");
    await enterItem(editor, /3\/8/, "bridge");
    await enterItem(editor, /4\/8/, "Port…");
    await enter("Publish a Port", "53530:53/udp");
    await enterItem(editor, /4\/8/, "53530 → 53/udp");
    await enterItem(editor, /53530/, "Open to Other Machines");
    await editor.quickInput.getByText("open to others").waitFor();
    await enterItem(editor, /4\/8/, "53530 → 53/udp");
    await enterItem(editor, /53530/, "Remove");
    await enterItem(editor, /4\/8/, "Continue without ports");
    await enterItem(editor, /5\/8/, "Workspace folder demo");
    await enter(/Folder in the VM/, "");
    // What the mouse does with the buttons of an item, the keyboard does by accepting it.
    await enterItem(editor, /5\/8/, "/workspaces/demo");
    await editor.waitForStep("Make Read-Only");
    await editor.shoot("wizard-keyboard-volume");
    await enterItem(editor, /\/workspaces\/demo/, "Make Read-Only");
    await editor.quickInput.getByText("(read-only)").waitFor();
    await enterItem(editor, /5\/8/, "Continue");
    await enterItem(editor, /6\/8/, "Variable…");
    await enter("Environment Variable", "COLOR=green");
    await enterItem(editor, /6\/8/, "Variable…");
    await enter("Environment Variable", "MISTAKE=1");
    await enterItem(editor, /6\/8/, "MISTAKE");
    await enterItem(editor, /MISTAKE/, "Remove");
    await retry(async () => !(await editor.quickInput.textContent())?.includes("MISTAKE"));
    await enterItem(editor, /6\/8/, "Continue");
    await editor.waitForStep(/7\/8/);
    await editor.quickInput.locator(".monaco-list-row.focused", { hasText: "Default" }).waitFor();
    await keyboard.press("Enter");
    await enter(/8\/8.*Save and Run/s, "");
    await editor.waitForTerminal(/\/ # ?$/);
    await editor.waitForTerminalNamed("keys");
    // The console has the focus.
    await keyboard.type('echo "$COLOR, <$MISTAKE>"; touch /workspaces/demo/x');
    await keyboard.press("Enter");
    await editor.waitForTerminal(/^green, <>\n.*Read-only file system/ms);
    await editor.shoot("wizard-keyboard-console");
  });

  it("by keyboard alone, from the view: the menu of a VM, a shell, its console, its end", async () => {
    const { keyboard } = editor.page;
    const row = editor.row("Virtual Machines", /^keys/);
    await focusVms(editor);
    await keyboard.press("Home");
    await editor.view("Virtual Machines").locator(".monaco-list-row.focused", { hasText: /^keys/ }).waitFor();
    await keyboard.press("Shift+F10");
    // As screen readers find them.
    for (const name of [
      "Attach to Console",
      "Open Shell",
      "Inspect VM",
      "Stop VM",
      "Restart VM",
      "Kill VM",
      "Remove VM…",
    ]) {
      await editor.page.locator(".monaco-menu").getByRole("menuitem", { name }).waitFor();
    }
    await editor.capture("keyboard-menu");
    await enterMenuItem(editor, "Open Shell");
    await editor.waitForTerminalNamed("keys: shell");
    await editor.waitForTerminal(/\/ # ?$/);
    // The shell has the focus.
    await keyboard.type("exit");
    await keyboard.press("Enter");
    await retry(async () => !(await terminalNames(editor)).includes("keys: shell"));
    await focusVms(editor);
    await keyboard.press("Enter");
    await editor.waitForTerminalNamed("keys");
    await focusVms(editor);
    await keyboard.press("Shift+F10");
    await enterMenuItem(editor, "Kill VM");
    await row.filter({ hasText: "stopped" }).waitFor();
    // The row has the focus alone: arrow keys select nothing.
    await keyboard.press("Escape");
    await keyboard.press("Home");
    await keyboard.press("Delete");
    await editor.page.locator(".monaco-dialog-box").getByText(/keys/).first().waitFor();
    await keyboard.press("Enter");
    await row.waitFor({ state: "detached" });
  });

  it("the buttons of a volume make it read-only, and the VM cannot write to it", async () => {
    await editor.begin("mocker.run");
    await editor.pick("busybox:1.36");
    await editor.answer("Name of the VM", "reader");
    await editor.passNetwork();
    await editor.pick("Workspace folder demo");
    await editor.answer("Where the folder appears in the VM", "/data");
    const volume = editor.quickInput.locator(".monaco-list-row", { hasText: "→ /data" });
    await editor.press(volume, "Make Read-Only");
    await volume.filter({ hasText: "(read-only)" }).waitFor();
    await editor.shoot("wizard-read-only");
    await editor.press(volume, "Allow Writing");
    await volume.filter({ hasNotText: "(read-only)" }).waitFor();
    await editor.press(volume, "Make Read-Only");
    await volume.filter({ hasText: "(read-only)" }).waitFor();
    await editor.pick("Continue");
    await editor.pick("Continue without variables");
    await editor.pick("Default");
    await editor.waitForStep(/8\/8/);
    await editor.pick(/^Run/);
    await editor.waitForTerminalNamed("reader");
    await editor.waitForTerminal(/\/ # ?$/);
    await editor.type("clear; cat /data/data/kept.txt; echo no > /data/data/kept.txt; echo status-$?");
    await editor.waitForTerminal(/^as it was\n.*Read-only file system\nstatus-1$/ms);
    assert.equal(readFileSync(join(editor.workspace, "data/kept.txt"), "utf8"), "as it was\n");
  });

  it("shows what the image sets, goes back with all that was chosen, and counts its steps", async () => {
    await editor.begin("mocker.run");
    await editor.waitForStep(/1\/8/);
    assert.equal(await editor.quickInput.getByRole("button", { name: "Back" }).count(), 0);
    await editor.pick("configured:1.0");
    await editor.answer("Name of the VM", "twice");
    await editor.pick("bridge");
    await editor.waitForStep(/4\/8/);
    await editor.quickInput
      .locator(".monaco-list-row", { hasText: /→ 8080\/tcp.*this machine only \(127\.0\.0\.1\)/ })
      .waitFor();
    await editor.pick("Continue");
    await editor.waitForStep(/5\/8/);
    await editor.pick("Continue without volumes");
    await editor.waitForStep(/6\/8/);
    const greeting = editor.quickInput.locator(".monaco-list-row", { hasText: "GREETING" });
    await greeting.filter({ hasText: "hello there" }).waitFor();
    await editor.shoot("wizard-image-env");
    await greeting.click();
    await editor.waitForStep("Variable and value");
    assert.equal(await editor.quickInput.locator("input").first().inputValue(), "GREETING=hello there");
    await editor.answer("Variable and value", "GREETING=goodbye");
    await greeting.filter({ hasText: "goodbye" }).waitFor();
    await editor.quickInput.locator(".monaco-list-row", { hasText: "hello there (replaced)" }).waitFor();
    await back(editor, /5\/8/);
    await back(editor, /4\/8/);
    await back(editor, /3\/8/);
    await back(editor, /2\/8/);
    assert.equal(await editor.quickInput.locator("input").first().inputValue(), "twice");
    await back(editor, /1\/8/);
    await editor.pick("configured:1.0");
    await editor.answer("Name of the VM", "twice");
    await editor.pick("bridge");
    await editor.pick("Continue");
    await editor.pick("Continue without volumes");
    await greeting.filter({ hasText: "goodbye" }).waitFor();
    await editor.pick("Continue");
    await editor.waitForStep(/7\/8/);
    await editor.pick("Custom…");
    await editor.answer("CPUs", "1");
    await editor.answer("Memory in MiB", "300");
    await editor.waitForStep(/8\/8/);
    await back(editor, /7\/8/);
    await editor.quickInput.locator(".monaco-list-row", { hasText: "1 CPU · 300 MiB" }).waitFor();
    await editor.quickInput.locator(".monaco-list-row.focused", { hasText: "Custom…" }).waitFor();
    await editor.shoot("wizard-back");
    await editor.page.keyboard.press("Escape");
    await editor.quickInput.waitFor({ state: "detached" });
    assert.equal((await editor.mocker.ok(["ps", "-aq", "--filter", "name=twice"])).trim(), "");
  });

  it("a secret reaches the VM, and is nowhere else", async () => {
    await editor.begin("mocker.run");
    await editor.pick("busybox:1.36");
    await editor.answer("Name of the VM", "keeper");
    await editor.passNetwork();
    await editor.pick("Continue without volumes");
    await editor.pick("Secret…");
    await editor.answer("Name of the variable", "TOKEN");
    await editor.waitForStep("Value of TOKEN");
    const input = editor.quickInput.locator("input").first();
    assert.equal(await input.getAttribute("type"), "password");
    await input.fill(secret);
    await editor.shoot("wizard-secret");
    await editor.page.keyboard.press("Enter");
    await editor.quickInput.locator(".monaco-list-row", { hasText: "••••••" }).waitFor();
    await editor.shoot("wizard-secret-kept");
    await editor.pick("Continue");
    await editor.pick("Default");
    await editor.waitForStep(/8\/8/);
    await editor.pick("Save and Run");
    await editor.answer("Name of the run configuration", "keeper");
    await expectSecret(editor, "keeper");
    await editor.row("Run Configurations", "keeper").waitFor();
    const file = readFileSync(join(editor.workspace, ".vscode/mocker.json"), "utf8");
    assert.match(file, /"secrets": \[\s*"TOKEN"\s*\]/);
    assert.deepEqual(inCommandLines(secret), []);
    assert.deepEqual(filesHolding(editor.mocker.dir, secret), []);
    const inspected = await editor.mocker.ok(["inspect", "keeper"]);
    assert.ok(inspected.includes('"TOKEN=<secret>"') && !inspected.includes(secret), inspected);
    // The logs are there, with the request that carried it.
    assert.ok(filesHolding(editor.mocker.dir, '"TOKEN": "***"').some(({ path }) => path.includes("logs")));
  });

  it("the copied command names the secret only", async () => {
    const row = editor.row("Run Configurations", "keeper");
    await editor.menu(row, "Copy as mocker Command");
    const text = await retry(async () => {
      const copied = await editor.clipboard();
      return copied.startsWith("mocker run") && copied;
    });
    assert.equal(text, "mocker run -it --name keeper --secret-env TOKEN busybox:1.36");
  });

  it("after a reload a saved configuration still has its secret; one that was forgotten is asked for", async () => {
    await editor.mocker.ok(["rm", "-f", "keeper"]);
    await editor.reload();
    await runConfiguration(editor, "keeper");
    await expectSecret(editor, "keeper");
    await editor.mocker.ok(["rm", "-f", "keeper"]);
    await editor.command("mocker.forgetSecrets", "keeper");
    await runConfiguration(editor, "keeper");
    await editor.waitForStep("Value of the secret TOKEN");
    await editor.shoot("secret-asked");
    await editor.page.keyboard.press("Escape");
    assert.equal((await editor.mocker.ok(["ps", "-aq", "--filter", "name=keeper"])).trim(), "");
    assert.ok(!existsSync(join(editor.workspace, "x")));
  });
});

/** By the palette, as one without a mouse does. */
async function focusVms(editor: Editor): Promise<void> {
  await editor.page.keyboard.press("F1");
  await editor.quickInput.locator("input").first().waitFor();
  await editor.page.keyboard.type("Focus on Virtual Machines View");
  await editor.quickInput.locator(".monaco-list-row.focused", { hasText: "Virtual Machines" }).waitFor();
  await editor.page.keyboard.press("Enter");
  await editor.view("Virtual Machines").locator(".monaco-list:focus-within, .monaco-list:focus").waitFor();
}

/** Goes down the menu that shows to the entry, and chooses it. */
async function enterMenuItem(editor: Editor, name: string): Promise<void> {
  const entry = editor.page
    .locator(".monaco-menu .action-item.focused")
    .getByRole("menuitem", { name, exact: true });
  await editor.page.locator(".monaco-menu [role=menuitem]").first().waitFor();
  await retry(
    async () => {
      if ((await entry.count()) > 0) return true;
      await editor.page.keyboard.press("ArrowDown");
      return false;
    },
    { intervalMs: 100, what: `the menu's entry ${name}` },
  );
  await editor.page.keyboard.press("Enter");
}

async function back(editor: Editor, step: RegExp): Promise<void> {
  await editor.quickInput.getByRole("button", { name: "Back" }).click();
  await editor.waitForStep(step);
}

/** Types until the item is the active one, and accepts it. */
async function enterItem(editor: Editor, step: RegExp, label: string): Promise<void> {
  await editor.waitForStep(step);
  await editor.quickInput.locator(".monaco-list-row", { hasText: label }).first().waitFor();
  await editor.page.keyboard.type(label);
  await editor.quickInput.locator(".monaco-list-row.focused", { hasText: label }).waitFor();
  await editor.page.keyboard.press("Enter");
}

async function runConfiguration(editor: Editor, name: string): Promise<void> {
  const row = editor.row("Run Configurations", name);
  await editor.press(row, "Run Configuration");
}

/** Without showing it: the console is logged. */
async function expectSecret(editor: Editor, vm: string): Promise<void> {
  await editor.waitForTerminalNamed(vm);
  await editor.waitForTerminal(/\/ # ?$/);
  await editor.type('clear; printf %s "$TOKEN" | sha256sum');
  await editor.waitForTerminal(new RegExp(`^${secretHash}`, "m"));
}

function inCommandLines(text: string): string[] {
  return processesMentioning(text).flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text) ? [String(pid)] : [];
    } catch {
      return [];
    }
  });
}
