import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { Editor } from "./harness/editor.ts";
import { enginesOf } from "./harness/engines.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

const configurations = {
  runConfigurations: [
    { name: "greet", image: "hello", vmName: "greeter" },
    { name: "missing", image: "127.0.0.1:9/nosuch" },
    { name: "bad env", image: "hello", envFiles: ["nosuch.env"] },
  ],
};

describe("when something is wrong", () => {
  let editor: Editor;
  pictureFailures(() => editor);
  before(async () => {
    editor = await Editor.open({
      machineSettings: { "mocker.engine.path": "/nowhere/engine.js" },
      files: { ".vscode/mocker.json": JSON.stringify(configurations, null, 2) },
    });
    await editor.showViews();
  });
  after(async () => await editor?.close());

  it("a broken engine path: the view says so; the command says so once, with the way to the setting", async () => {
    const view = editor.view("Virtual Machines");
    await view.getByText("The engine named by the configuration cannot be started.").waitFor();
    await view.getByText("Open Settings").waitFor();
    await editor.begin("mocker.pullImage", "hello");
    await editor.onlyToast("/nowhere/engine.js", "Open Settings");
    await editor.shoot("engine-path");
    await editor.dismissToasts();
    assert.deepEqual(enginesOf(editor.mocker), []);
  });

  it("a corrected engine path: the views recover by themselves", async () => {
    await editor.set("mocker.engine.path", undefined);
    await editor.view("Images").getByText("Pull an Image").waitFor();
    assert.equal(enginesOf(editor.mocker).length, 1);
  });

  it("no virtualisation, and the simulation not wanted: one message, with the doctor", async () => {
    await editor.set("mocker.run.runtime", "krun");
    await runConfiguration(editor, "greet");
    const toast = await editor.onlyToast("krun", "Run Doctor");
    await toast.getByText(/mocker\.run\.runtime/).waitFor();
    assert.doesNotMatch((await toast.textContent()) ?? "", /--runtime/);
    await editor.shoot("no-kvm");
    await editor.dismissToasts();
    await editor.set("mocker.run.runtime", undefined);
  });

  it("a registry that does not answer when a configuration is run: one message", async () => {
    await runConfiguration(editor, "missing");
    await editor.onlyToast("127.0.0.1:9", "Edit Configuration");
    await editor.shoot("configuration-image-missing");
    await editor.dismissToasts();
  });

  it("an env file that is not there: one message that names it", async () => {
    await runConfiguration(editor, "bad env");
    const path = `${editor.workspace}/nosuch.env`;
    await editor.onlyToast(
      `The env file ${path} cannot be used: no such file or directory.`,
      "Edit Configuration",
    );
    await editor.shoot("env-file-missing");
    await editor.dismissToasts();
  });

  it("a name that is taken is told while it is typed", async () => {
    await editor.mocker.ok(["run", "--name", "taken", "hello"]);
    await editor.row("Virtual Machines", "taken").waitFor();
    await editor.begin("mocker.run");
    await editor.pick("hello:latest");
    await editor.quickInput.filter({ hasText: "Name of the VM" }).waitFor();
    await editor.quickInput.locator("input").first().fill("taken");
    await editor.quickInput.getByText("There is a VM named taken").waitFor();
    await editor.shoot("name-taken-typed");
    await editor.page.keyboard.press("Escape");
  });

  it("a configuration file with a mistake in it: the view says so, and leaves the file alone", async () => {
    const file = join(editor.workspace, ".vscode/mocker.json");
    const broken = '{ "runConfigurations": { "name": ';
    writeFileSync(file, broken);
    const row = editor.row("Run Configurations", /mocker\.json\s*syntax error on line 1/);
    await row.filter({ has: editor.page.locator(".codicon-warning") }).waitFor();
    await editor.shoot("broken-configuration-file");
    await editor.begin("mocker.run");
    await editor.pick("hello:latest");
    await editor.answer("Name of the VM", "");
    await editor.passNetwork();
    await editor.pick("Continue without volumes");
    await editor.pick("Continue without variables");
    await editor.pick("Default");
    await editor.pick("Save as Run Configuration");
    await editor.answer("Name of the run configuration", "another");
    await editor.onlyToast("mocker.json cannot be changed");
    assert.equal(readFileSync(file, "utf8"), broken);
    await editor.dismissToasts();
  });
});

async function runConfiguration(editor: Editor, name: string): Promise<void> {
  await editor.press(editor.row("Run Configurations", name), "Run Configuration");
}
