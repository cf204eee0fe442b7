/// <reference lib="dom" />
import { strict as assert } from "node:assert";
import { after, before, describe, it } from "mocha";
import type { Locator } from "playwright-core";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";
import { Editor, themeClasses } from "./harness/editor.ts";
import { importImage } from "./harness/local-image.ts";
import { pictureFailures } from "./harness/picture-failures.ts";
import { type SlowRegistry, slowRegistry } from "./harness/slow-registry.ts";

/** Rows as they are made, the newest on top. */
const vms = ["fresh", "bad", "done", "web"];

/** What WCAG 2.2 asks of what one must see to understand (1.4.11). */
const leastContrast = 3;

describe("what rows say, and what may be done to them", () => {
  let editor: Editor;
  let registry: Registry;
  let slow: SlowRegistry;
  const vm = (name: string) => editor.row("Virtual Machines", new RegExp(`^${name}`));
  const image = (name: string) => editor.row("Images", name);
  const icon = (name: string) => vm(name).locator(".custom-view-tree-node-item-icon");
  const names = () =>
    editor.view("Virtual Machines").locator(".monaco-list-row .label-name").allTextContents();
  pictureFailures(() => editor, true);
  before(async () => {
    registry = await startRegistry();
    slow = await slowRegistry(registry.port, 1_000_000);
    const mocker = new Mocker();
    await importImage(mocker, "busybox", "busybox:1.36");
    await importImage(mocker, "configured", "127.0.0.1:5000/team/configured:1.0");
    const health = ["--health-cmd", "true", "--health-interval", "1s"];
    await mocker.ok(["run", "-dit", "--stop-timeout", "5", ...health, "--name", "web", "busybox:1.36"]);
    await mocker.ok(["run", "--name", "done", "busybox:1.36", "true"]);
    await mocker.run(["run", "--name", "bad", "busybox:1.36", "sh", "-c", "exit 3"]);
    await mocker.ok(["create", "--name", "fresh", "127.0.0.1:5000/team/configured:1.0"]);
    editor = await Editor.open({ mocker });
    await editor.showViews();
    await vm("web").waitFor();
  });
  after(async () => {
    await editor?.close();
    slow?.stop();
    await registry?.stop();
  });

  it("a VM's state is a word and a shape, and its start a time that stays true", async () => {
    for (const [name, word, shape] of [
      ["web", "running (healthy)", "vm-running"],
      ["done", "exited (0)", "vm"],
      ["bad", "exited (3)", "error"],
      ["fresh", "created", "circle-outline"],
    ] as const) {
      await vm(name).filter({ hasText: word }).waitFor();
      await icon(name)
        .and(editor.page.locator(`.codicon-${shape}`))
        .waitFor();
    }
    const label = /^VM web, running \(healthy\) since .*\d{4}.*\. Image busybox:1\.36/;
    await editor.view("Virtual Machines").getByLabel(label).first().waitFor();
    if ((await editor.mocker.ok(["ps"])).includes("(simulation)")) {
      await vm("web")
        .filter({ hasText: "running (healthy) · simulated · busybox:1.36 · 1024 MiB" })
        .waitFor();
      await editor.view("Virtual Machines").getByText("Simulated VMs are not isolated.").waitFor();
      await editor.page.locator(".statusbar-item", { hasText: "1 running (simulated)" }).waitFor();
    }
    await editor.shoot("vm-states");
    await editor.shootContrast("vm-states");
  });

  it("the shapes stand out from the side bar in every theme", async () => {
    for (const theme of Object.keys(themeClasses) as (keyof typeof themeClasses)[]) {
      await editor.useTheme(theme);
      for (const name of vms) {
        await retry(async () => (await contrastOf(icon(name))) >= leastContrast, {
          what: `a contrast of ${leastContrast} of ${name} in ${theme}`,
        });
      }
    }
  });

  it("an image's name comes first, its registry last", async () => {
    await image("configured:1.0")
      .filter({ hasText: /^configured:1\.0.*B.*127\.0\.0\.1:5000\/team$/ })
      .waitFor();
    await image("busybox:1.36").waitFor();
  });

  it("a VM that is stopped says so, keeps its place, and is no failure", async () => {
    assert.deepEqual(await names(), vms);
    // A shell at a terminal does not end by SIGTERM.
    await editor.press(vm("web"), "Stop VM");
    await vm("web").filter({ hasText: "stopping…" }).waitFor();
    await vm("web").hover();
    await vm("web").getByRole("button", { name: "Kill VM" }).waitFor();
    await vm("web").filter({ hasText: "stopped" }).waitFor();
    await icon("web").and(editor.page.locator(".codicon-vm")).waitFor();
    assert.match(await editor.mocker.ok(["ps", "-a"]), /Exited \(137\).*web/);
    assert.deepEqual(await names(), vms);
    await editor.shoot("vm-stopped");
  });

  it("VMs are filtered and grouped, and the view says how", async () => {
    await editor.begin("mocker.filterVms");
    await editor.answer(
      "Show the VMs whose name, image, labels or networks have these words; empty for all",
      "busybox",
    );
    await vm("fresh").waitFor({ state: "detached" });
    await editor.begin("mocker.groupVms");
    await editor.pick("By repository of the image");
    await vm("busybox").filter({ hasText: "0 of 3 running" }).waitFor();
    assert.deepEqual(await names(), ["busybox", ...vms.filter((name) => name !== "fresh")]);
    await editor.view("Virtual Machines").getByText("“busybox” · by repository").waitFor();
    await editor.shoot("vms-grouped");
    await editor.command("mocker.clearVmFilter");
    await vm("configured").waitFor();
    await editor.begin("mocker.groupVms");
    await editor.pick("Not at all");
    await retry(async () => (await names()).join() === vms.join(), { what: "the rows as they were" });
  });

  it("mocker is in a new terminal", async () => {
    await editor.command("workbench.action.terminal.new");
    await editor.waitForTerminal(/[#$] ?$/);
    await editor.type(
      'case $(command -v mocker) in */dist/bin/mocker) echo "found $(mocker ps -aq | wc -l)";; esac',
    );
    await editor.waitForTerminal(/^found 4$/m);
    await editor.shoot("mocker-in-terminal");
    await editor.type("exit");
  });

  it("a pull shows where its view does not, and can be cancelled there", async () => {
    await editor.command("workbench.view.explorer");
    await editor.begin("mocker.pullImage", `${slow.host}/debian:latest`);
    const toast = editor.toast(`Pulling ${slow.host}/debian:latest`);
    await toast.filter({ hasText: /\d+% of \d/ }).waitFor();
    await editor.shoot("pull-elsewhere");
    await toast.getByRole("button", { name: "Cancel" }).click();
    await toast.waitFor({ state: "detached" });
    await retry(() => slow.active() === 0, { what: "the download's end" });
    assert.deepEqual(await editor.toasts(), []);
    await editor.showViews();
  });

  it("a pull that fails in the wizard leaves what was typed, and a message that is whole", async () => {
    const reference = "127.0.0.1:9/nosuch:1";
    await editor.begin("mocker.run");
    await editor.waitForStep(/Run a VM.*1\/8/s);
    await editor.quickInput.locator("input[type=text]").first().fill(reference);
    await editor.pick(`Pull ${reference}`);
    await editor.onlyToast("127.0.0.1:9", "Show Log");
    await editor.waitForStep(/Run a VM.*1\/8/s);
    assert.equal(await editor.quickInput.locator("input[type=text]").first().inputValue(), reference);
    await editor.shoot("wizard-pull-failed");
    await editor.page.keyboard.press("Escape");
    await editor.dismissToasts();
  });

  it("the menu leads to the walkthrough", async () => {
    await editor.command("mocker.getStarted");
    await editor.page.getByText("Check this machine").first().waitFor();
    await editor.command("workbench.action.closeAllEditors");
  });

  it("an image of VMs is removed with them, after a question that says whose it is", async () => {
    await image("busybox:1.36").click();
    await editor.page.keyboard.press("Delete");
    const dialog = editor.page.locator(".monaco-dialog-box");
    await dialog.getByText(/Remove the image busybox:1\.36/).waitFor();
    await dialog.getByText(/^Used by (web|done|bad), .*: these VMs are removed too/).waitFor();
    await editor.shoot("remove-used-image");
    await dialog.getByRole("button", { name: "Remove VMs Too" }).click();
    await image("busybox:1.36").waitFor({ state: "detached" });
    await retry(async () => (await names()).join() === "fresh", { what: "the VM of the other image, alone" });
    assert.deepEqual(await editor.toasts(), []);
  });
});

/** Of an icon and what is behind it, as WCAG 2.2 reckons it: 1 to 21. */
async function contrastOf(element: Locator): Promise<number> {
  return await element.first().evaluate((glyph) => {
    type Colour = [red: number, green: number, blue: number, alpha: number];
    const parse = (text: string): Colour => {
      const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
      return [red, green, blue, alpha];
    };
    const over = (front: Colour, back: Colour): Colour => {
      const mix = (a: number, b: number) => a * front[3] + b * (1 - front[3]);
      return [mix(front[0], back[0]), mix(front[1], back[1]), mix(front[2], back[2]), 1];
    };
    const luminance = ([red, green, blue]: Colour): number => {
      const [r = 0, g = 0, b = 0] = [red, green, blue].map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const sideBar = glyph.closest(".part") ?? document.body;
    const back = parse(getComputedStyle(sideBar).backgroundColor);
    const front = over(parse(getComputedStyle(glyph).color), back);
    const [light = 0, dark = 0] = [luminance(front), luminance(back)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  });
}
