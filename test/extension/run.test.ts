/// <reference lib="dom" />
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "jsonc-parser/lib/esm/main.js";
import { after, before, describe, it } from "mocha";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";
import { Editor, terminalNames } from "./harness/editor.ts";
import { note } from "./harness/figures.ts";
import { importImage } from "./harness/local-image.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

/** What the file names the workspace's folder by. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: VS Code's own variable
const folder = "${workspaceFolder}";

describe("running a VM", () => {
  let editor: Editor;
  pictureFailures(() => editor, true);
  before(async () => {
    const mocker = new Mocker();
    await importImage(mocker, "busybox", "busybox:1.36");
    await importImage(mocker, "debian", "debian:12");
    await mocker.ok(["run", "-d", "--name", "database", "-m", "512m", "debian:12", "sleep", "3600"]);
    editor = await Editor.open({
      mocker,
      files: {
        "hello.txt": "from the workspace\n",
        "src/server.sh": "#!/bin/sh\nhttpd -f -p 8080 -h /workspaces/demo\n",
        ".env": "GREETING=hello from .env\nMODE=development\n",
      },
    });
    await editor.showViews();
    await editor.row("Images", "busybox:1.36").waitFor();
  });
  after(async () => await editor?.close());

  it("the wizard: image, name, volume, env file, resources, save and run", async () => {
    await editor.begin("mocker.run");
    await editor.waitForStep(/Run a VM.*1\/8/s);
    await editor.quickInput.locator(".monaco-list-row", { hasText: "busybox:1.36" }).waitFor();
    await editor.shoot("wizard-1-image");
    await editor.pick("busybox:1.36");
    await editor.answer("Name of the VM", "web");
    await editor.passNetwork();
    await editor.pick("Workspace folder demo");
    await editor.answer("Where the folder appears in the VM", "/workspaces/demo");
    await editor.quickInput.locator(".monaco-list-row", { hasText: "/workspaces/demo" }).waitFor();
    await editor.shoot("wizard-3-volumes");
    await editor.pick("Continue");
    await editor.pick(".env file…");
    await editor.waitForStep("Add .env File");
    await editor.pick(".env");
    await editor.quickInput.locator(".monaco-list-row", { hasText: `${folder}/.env` }).waitFor();
    await editor.pick("Variable…");
    await editor.answer("Variable and value", "COLOR=blue");
    await editor.quickInput.locator(".monaco-list-row", { hasText: "COLOR" }).waitFor();
    await editor.shoot("wizard-4-env");
    await editor.pick("Continue");
    await editor.pick("1 CPU");
    await editor.waitForStep(/8\/8/);
    await editor.quickInput.locator(".monaco-list-row", { hasText: "Save and Run" }).waitFor();
    await editor.shoot("wizard-6-run");
    await editor.pick("Save and Run");
    await editor.answer("Name of the run configuration", "web");
    await editor.waitForTerminal(/\/ # $|\/ #$/);
    await editor.type('cat /workspaces/demo/hello.txt; echo "$GREETING, $MODE, $COLOR"');
    await editor.waitForTerminal(/^from the workspace\n.*hello from \.env, development, blue/ms);
    await editor.row("Run Configurations", "web").waitFor();
    await editor.row("Virtual Machines", "web").waitFor();
    await editor.shoot("console");
    const text = readFileSync(join(editor.workspace, ".vscode/mocker.json"), "utf8");
    const saved = parse(text) as { runConfigurations: unknown };
    assert.deepEqual(saved.runConfigurations, [
      {
        name: "web",
        image: "busybox:1.36",
        vmName: "web",
        volumes: [{ source: folder, target: "/workspaces/demo" }],
        env: { COLOR: "blue" },
        envFiles: [`${folder}/.env`],
        cpus: 1,
        memoryMiB: 512,
      },
    ]);
  });

  it("what is typed into the console reaches the VM, and its size is the terminal's", async () => {
    await editor.type("clear; echo typed-$((40 + 2))");
    await editor.waitForTerminal(/^typed-42$/m);
    await editor.type("stty size");
    const before = /^(\d+) (\d+)$/m.exec(await editor.waitForTerminal(/^\d+ \d+$/m));
    await editor.command("workbench.action.toggleMaximizedPanel");
    await retry(async () => (await visibleRows(editor)) > Number(before?.[1]), { what: "a higher terminal" });
    // It may still grow.
    await retry(async () => {
      await editor.type("clear; stty size");
      const size = /^(\d+) \d+$/m.exec(await editor.waitForTerminal(/^\d+ \d+$/m));
      return Number(size?.[1]) === (await visibleRows(editor));
    });
    await editor.command("workbench.action.toggleMaximizedPanel");
  });

  it("Ctrl-C interrupts what runs in it", async () => {
    await editor.type("clear; sh -c 'echo sleeping; exec sleep 1000'");
    await editor.waitForTerminal(/^sleeping$/m);
    await editor.page.keyboard.press("Control+c");
    await editor.type("echo status-$?");
    await editor.waitForTerminal(/^status-130$/m);
  });

  it("after a reload of the window the console is there again, with what it showed", async () => {
    await editor.type("echo before-the-reload");
    await editor.waitForTerminal(/^before-the-reload$/m);
    await editor.reload();
    await editor.waitForTerminal(/^before-the-reload$/m);
    await editor.type("echo after-the-reload");
    await editor.waitForTerminal(/^before-the-reload$.*^after-the-reload$/ms);
    await editor.shoot("console-after-reload");
    // Not with the shell of the host that the editor puts into a panel that it finds empty.
    await retry(async () => (await terminalNames(editor)).join() === "web", { what: "the console alone" });
  });

  it("a shell of the host that the user opened is there after a reload, too", async () => {
    const pid = await editor.host(async (api) => {
      const terminal = api.window.createTerminal();
      terminal.show();
      return await terminal.processId;
    });
    // One that is a few seconds old is known to be the user's, whatever else is forgotten.
    await retry(() => Date.now() - startOf(pid ?? 0) > 5000);
    const names = (await terminalNames(editor)).sort();
    await editor.reload();
    await retry(async () => (await terminalNames(editor)).sort().join() === names.join(), {
      what: `terminals ${names.join(" and ")}`,
    });
    await editor.host((api) => api.window.terminals.find(({ name }) => name !== "web")?.dispose());
    await editor.waitForTerminalNamed("web");
    await editor.waitForTerminal(/^after-the-reload$/m);
  });

  it("a shell opens beside the console", async () => {
    await editor.press(editor.row("Virtual Machines", "web"), "Open Shell");
    await editor.waitForTerminalNamed("web: shell");
    await editor.waitForTerminal(/\/ # ?$/);
    await editor.type("echo in a shell; ps | head -4");
    await editor.waitForTerminal(/^in a shell$/m);
    await editor.shoot("shell");
    await editor.type("exit");
    await retry(async () => !(await terminalNames(editor)).includes("web: shell"));
  });

  it("the tooltip tells what the VM is", async () => {
    const hover = editor.page.locator(".monaco-hover:visible", { hasText: "Memory" });
    // A change of the tree under the pointer takes it away.
    await retry(async () => {
      await editor.page.mouse.move(500, 15);
      await editor.row("Virtual Machines", "web").hover();
      await hover.getByText("512 MiB").waitFor({ timeout: 5000 });
      return true;
    });
    await editor.capture("tooltip");
  });

  it("the exit code shows in the console", async () => {
    await editor.waitForTerminalNamed("web");
    await editor.type("clear; exit 7");
    await editor.waitForTerminal(/web exited with code 7\. Press Enter or q to close this terminal/);
    await editor.shoot("exit-code");
    await editor.terminal.click();
    await editor.page.keyboard.press("Enter");
    await retry(async () => !(await terminalNames(editor)).includes("web"));
  });

  it("a saved configuration whose VM is still there asks before it replaces it, and runs again", async () => {
    await editor.press(editor.row("Run Configurations", "web"), "Run Configuration");
    await editor.onlyToast("There is a VM named web");
    await editor.shoot("name-taken");
    const before = await editor.mocker.ok(["ps", "-aq", "--filter", "name=web"]);
    const clicked = await clickAndWatch(editor, "Replace");
    note("click on Replace (kill, remove, create, start) → first console byte", `${clicked} ms`);
    await editor.waitForTerminal(/\/ # ?$/);
    assert.notEqual(await editor.mocker.ok(["ps", "-aq", "--filter", "name=web"]), before);
    await editor.type("echo $COLOR");
    await editor.waitForTerminal(/^blue$/m);
  });

  it("a run configuration is edited where it is written", async () => {
    await editor.row("Run Configurations", "web").click();
    await editor.page.locator(".tab.active", { hasText: "mocker.json" }).waitFor();
    await editor.page.locator(".view-line", { hasText: "busybox:1.36" }).waitFor();
    await editor.shoot("configuration");
  });

  it("from Run to the first byte on the console", async () => {
    const times: number[] = [];
    for (let run = 0; run < 5; run++) {
      await editor.begin("mocker.run");
      await editor.pick("busybox:1.36");
      await editor.answer("Name of the VM", "");
      await editor.passNetwork();
      await editor.pick("Continue without volumes");
      await editor.pick("Continue without variables");
      await editor.pick("Default");
      await editor.waitForStep(/8\/8/);
      await editor.quickInput.locator(".monaco-list-row", { hasText: "Copy as mocker Command" }).waitFor();
      times.push(await clickAndWatch(editor, "Run", true));
      await editor.waitForTerminal(/\/ # ?$/);
    }
    note("click on Run → first console byte", `${times.map(Math.round).join(", ")} ms`);
  });
});

/** When a process started, in milliseconds. */
function startOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  const [uptime = ""] = readFileSync("/proc/uptime", "latin1").split(" ");
  return Date.now() - 1000 * Number(uptime) + 10 * Number(fields[19]);
}

async function visibleRows(editor: Editor): Promise<number> {
  return await editor.terminal.locator(".xterm-rows > div").count();
}

/** Clicks a button or item of this name; milliseconds until a terminal that shows none yet has text. */
async function clickAndWatch(editor: Editor, name: string, inQuickInput = false): Promise<number> {
  const selector = inQuickInput ? ".quick-input-list .monaco-list-row" : ".notification-toast .monaco-button";
  return await editor.page.evaluate<number>(`new Promise((resolve, reject) => {
    const name = ${JSON.stringify(name)};
    const target = [...document.querySelectorAll(${JSON.stringify(selector)})].find(
      (element) => element.textContent === name || element.getAttribute("aria-label")?.startsWith(name + ","));
    if (target === undefined) throw new Error("there is no " + name);
    const known = new Set(document.querySelectorAll(".xterm-rows"));
    const start = performance.now();
    for (const type of ["mousedown", "mouseup", "click"]) {
      target.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true, button: 0, detail: 1 }));
    }
    setTimeout(() => reject(new Error("nothing showed in a terminal")), 20000);
    const look = () => {
      const fresh = [...document.querySelectorAll(".xterm-rows")].some(
        (rows) => !known.has(rows) && rows.textContent.trim() !== "");
      if (fresh) resolve(performance.now() - start);
      else requestAnimationFrame(look);
    };
    look();
  })`);
}
