import { strict as assert } from "node:assert";
import { after, before, describe, it } from "mocha";
import { retry } from "../support/retry.ts";
import { Editor } from "./harness/editor.ts";
import { enginesOf } from "./harness/engines.ts";
import { note } from "./harness/figures.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

describe("first start", () => {
  let editor: Editor;
  pictureFailures(() => editor);
  before(async () => {
    editor = await Editor.open();
  });
  after(async () => await editor?.close());

  it("starts no engine before a view is seen", async () => {
    await retry(() => editor.host((api) => api.extensions.getExtension("mocker.mocker")?.isActive), {
      what: "activation",
    });
    assert.deepEqual(enginesOf(editor.mocker), []);
  });

  it("says what is missing and offers the button that helps", async () => {
    await editor.showViews();
    const vms = editor.view("Virtual Machines");
    await vms.getByText(/MicroVMs cannot run on this machine|There are no virtual machines/).waitFor();
    await editor.view("Images").getByText("Pull an Image").waitFor();
    await editor.view("Run Configurations").getByText("Create Run Configuration").waitFor();
    assert.equal(enginesOf(editor.mocker).length, 1);
    await editor.shoot("first-start");
  });

  it("has images to begin with in the wizard", async () => {
    await editor.begin("mocker.run");
    await editor.waitForStep(/Run a VM.*1\/8/s);
    for (const image of ["hello", "alpine", "debian"]) {
      await editor.quickInput.locator(".monaco-list-row", { hasText: `Pull ${image}` }).waitFor();
    }
    await editor.shoot("first-image");
    await editor.pick("Pull hello");
    await editor.waitForStep(/2\/8/);
    await editor.page.keyboard.press("Escape");
    await editor.row("Images", "hello:latest").waitFor();
    await editor.mocker.ok(["rmi", "hello"]);
    await editor.view("Images").getByText("Pull an Image").waitFor();
  });

  it("shows the doctor's findings as a page", async () => {
    await editor.command("mocker.doctor");
    const page = editor.page.frameLocator("iframe.webview").frameLocator("iframe#active-frame");
    await page.getByRole("heading", { name: "Mocker Doctor" }).waitFor();
    await page.getByRole("row", { name: "guest kernel" }).waitFor();
    assert.doesNotMatch((await page.locator("table").textContent()) ?? "", /--runtime/);
    await editor.shoot("doctor");
    await editor.command("workbench.action.closeAllEditors");
  });

  it("has a walkthrough", async () => {
    await editor.command("workbench.action.openWalkthrough", "mocker.mocker#start");
    await editor.page.getByText("Check this machine").first().waitFor();
    await editor.shoot("walkthrough");
    await editor.command("workbench.action.closeAllEditors");
  });

  it("activates fast", async () => {
    await editor.command("workbench.action.showRuntimeExtensions");
    const list = editor.page.locator(".runtime-extensions-editor .monaco-list");
    const row = list.locator(".monaco-list-row", { hasText: "Mocker" }).first();
    await list.hover();
    // Sorted by time, and only what is in sight is in the page.
    await retry(
      async () => {
        if ((await row.count()) > 0) return true;
        await editor.page.mouse.wheel(0, 200);
        return false;
      },
      { intervalMs: 200, what: "the extension in the list" },
    );
    const time = await row.locator(".activation-time").textContent();
    note("activation", time ?? "");
    assert.match(time ?? "", /\d+ms/);
  });
});

describe("an untrusted workspace", () => {
  let editor: Editor;
  pictureFailures(() => editor);
  before(async () => {
    editor = await Editor.open({
      trusted: false,
      files: { ".vscode/mocker.json": '{ "runConfigurations": [{ "name": "evil", "image": "hello" }] }' },
    });
  });
  after(async () => await editor?.close());

  it("shows no run configuration and offers to trust it", async () => {
    await editor.showViews();
    const view = editor.view("Run Configurations");
    await view.getByText("Manage Workspace Trust").waitFor();
    assert.equal(await view.locator(".monaco-list-row").count(), 0);
    await editor.shoot("untrusted");
  });
});
