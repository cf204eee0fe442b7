/// <reference lib="dom" />
import { strict as assert } from "node:assert";
import { after, before, it } from "mocha";
import type { Locator } from "playwright-core";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { retry } from "../support/retry.ts";
import type { Editor } from "./harness/editor.ts";
import { type SlowRegistry, slowRegistry } from "./harness/slow-registry.ts";

/** To be called in a suite whose editor shows Mocker's views and has no image. */
export function imageTests(get: () => Editor): void {
  let registry: Registry;
  let slow: SlowRegistry;
  let editor: Editor;
  before(async () => {
    registry = await startRegistry();
    slow = await slowRegistry(registry.port, 4_000_000);
    editor = get();
    await editor.command("workbench.action.closeAllEditors");
    await editor.view("Images").getByText("Pull an Image").waitFor();
  });
  after(async () => {
    slow?.stop();
    await registry?.stop();
  });

  it("a pull shows its progress, and a cancelled one aborts the download and leaves nothing", async () => {
    const reference = `${slow.host}/debian:latest`;
    await editor.view("Images").getByText("Pull an Image").click();
    await editor.answer("Image to pull", reference);
    // Its registry gives way to the progress.
    const row = editor.row("Images", "…/debian:latest");
    await row.filter({ hasText: /[1-9]\d?% of \d+/ }).waitFor();
    await retry(async () => await isWholeText(row.locator(".label-description")), {
      what: "progress that is not cut off",
    });
    await row.and(editor.page.getByLabel(`Pulling ${reference}`)).waitFor();
    await editor.shoot("pull");
    await retry(() => slow.active() > 0, { what: "a download" });
    await row.hover();
    await row.getByRole("button", { name: "Cancel Pull" }).click();
    await row.waitFor({ state: "detached" });
    await retry(() => slow.active() === 0, { what: "the download's end" });
    assert.equal((await editor.mocker.ok(["images", "-q"])).trim(), "");
    assert.deepEqual(await editor.toasts(), []);
  });

  it("a pull that ends puts the image into the view", async () => {
    const reference = `${registry.host}/busybox:latest`;
    await editor.begin("mocker.pullImage", reference);
    await editor.row("Images", /busybox:latest.*[kM]B/).waitFor();
    assert.match(await editor.mocker.ok(["images"]), /busybox/);
  });

  it("an image that the registry does not have: one message", async () => {
    await editor.begin("mocker.pullImage", `${registry.host}/nosuch:latest`);
    await editor.onlyToast("nosuch", "Change Reference…");
    await editor.shoot("image-missing");
    await editor.dismissToasts();
  });

  it("a registry that is down: one message, with Retry", async () => {
    await registry.stop();
    const reference = `${registry.host}/owners:latest`;
    await editor.begin("mocker.pullImage", reference);
    await editor.onlyToast(registry.host, "Retry");
    await editor.shoot("registry-down");
    await editor.dismissToasts();
  });

  it("an image is inspected as a read-only document, and removed after one question", async () => {
    const row = editor.row("Images", "busybox");
    await editor.begin("mocker.inspectImage");
    await editor.pick("busybox");
    await editor.page.locator(".tab.active", { hasText: "busybox" }).waitFor();
    await editor.shoot("inspect-image");
    await row.click();
    await editor.page.keyboard.press("Delete");
    const dialog = editor.page.locator(".monaco-dialog-box");
    await dialog.getByText(/Remove the image/).waitFor();
    await editor.capture("remove-image");
    await dialog.getByRole("button", { name: "Remove" }).click();
    await row.waitFor({ state: "detached" });
    assert.equal((await editor.mocker.ok(["images", "-q"])).trim(), "");
  });
}

/** Whether all of a row's text has room. */
async function isWholeText(element: Locator): Promise<boolean> {
  return await element.evaluate((text) => {
    const box = text.closest(".monaco-icon-label-container");
    return box !== null && box.scrollWidth <= box.clientWidth && text.getClientRects().length === 1;
  });
}
