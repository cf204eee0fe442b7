import { strict as assert } from "node:assert";
import { after, before, describe, it } from "mocha";
import type { MockerExports } from "../../extension/api.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";
import { Editor } from "./harness/editor.ts";
import { enginesOf } from "./harness/engines.ts";
import { importImage } from "./harness/local-image.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

const secrets = { ofEditor: "ed1tor-s3cret", ofVm: "vm-s3cret" };

describe("looking after VMs, images and the engine", () => {
  let editor: Editor;
  let registry: Registry;
  let digest = "";
  const idOf = async (name: string) =>
    (await editor.mocker.ok(["ps", "-aq", "--no-trunc", "--filter", `name=${name}`])).trim();
  const vm = (name: string) => editor.row("Virtual Machines", name);
  const image = (name: string) => editor.row("Images", name);
  const dialog = () => editor.page.locator(".monaco-dialog-box");
  pictureFailures(() => editor, true);
  before(async () => {
    registry = await startRegistry();
    const mocker = new Mocker();
    await importImage(mocker, "busybox", "busybox:1.36");
    await importImage(mocker, "debian", "debian:12");
    await importImage(mocker, "configured", "configured:1.0");
    const pulled = await mocker.ok(["pull", `${registry.host}/owners:latest`]);
    digest = /sha256:[0-9a-f]{64}/.exec(pulled)?.[0] ?? "";
    await mocker.ok(["run", "-dit", "--name", "web", "-e", `PASSWORD=${secrets.ofVm}`, "debian:12"]);
    await mocker.ok(["run", "-dit", "--name", "tool", "busybox:1.36"]);
    for (const name of ["old-1", "old-2"]) await mocker.ok(["run", "--name", name, "busybox:1.36", "true"]);
    editor = await Editor.open({ mocker, env: { API_TOKEN: secrets.ofEditor } });
    await editor.showViews();
    await vm("web").waitFor();
  });
  after(async () => {
    await editor?.close();
    await registry?.stop();
  });

  it("a shell is the best one that the image has", async () => {
    for (const [name, line, expected] of [
      ["tool", "cat /proc/$$/comm", /^ash$/m],
      ["web", "echo bash-$" + "{BASH_VERSINFO[0]}", /^bash-\d+$/m],
    ] as const) {
      await editor.press(vm(name), "Open Shell");
      await editor.waitForTerminalNamed(`${name}: shell`);
      await editor.waitForTerminal(/# ?$/);
      await editor.type(line);
      await editor.waitForTerminal(expected);
    }
  });

  it("the terminal's menu has a profile for VMs", async () => {
    await editor.shoot("terminal-profile", async () => {
      await editor.page.keyboard.press("Escape");
      await editor.page.locator(".monaco-menu").waitFor({ state: "detached" });
      await editor.page.getByRole("button", { name: "Launch Profile..." }).click();
      await editor.page.locator(".monaco-menu").getByRole("menuitem", { name: "Mocker VM…" }).waitFor();
    });
    await editor.chooseInMenu("Mocker VM…");
    await editor.quickInput.locator(".monaco-list-row", { hasText: "tool: console" }).waitFor();
    await editor.shoot("terminal-profile-vm");
    await editor.pick("tool: console");
    await editor.waitForTerminalNamed("tool");
    await editor.type("echo on the console");
    await editor.waitForTerminal(/^on the console$/m);
    assert.match(await editor.mocker.ok(["logs", "tool"]), /on the console/);
  });

  it("a VM is inspected as a read-only JSON document", async () => {
    await editor.menu(vm("old-1"), "Inspect VM");
    await editor.page.locator(".tab.active", { hasText: "old-1.json" }).waitFor();
    const document = () =>
      editor.host((api) => {
        const open = api.window.activeTextEditor?.document;
        return { text: open?.getText() ?? "", language: open?.languageId, dirty: open?.isDirty };
      });
    const before = await document();
    assert.equal(before.language, "json");
    assert.equal((JSON.parse(before.text) as { id: string }).id, await idOf("old-1"));
    await editor.page.locator(".editor-instance .view-line").first().click();
    await editor.page.keyboard.type("x");
    await editor.page.getByText("Cannot edit in read-only editor").first().waitFor();
    await editor.shoot("inspect-vm");
    assert.deepEqual(await document(), before);
    await editor.command("workbench.action.closeAllEditors");
  });

  it("IDs and digests are copied", async () => {
    const copied = async (expected: string) =>
      await retry(async () => (await editor.clipboard()) === expected, {
        what: `${expected} in the clipboard`,
      });
    await editor.menu(vm("old-2"), "Copy ID");
    await copied(await idOf("old-2"));
    const [owners] = JSON.parse(await editor.mocker.ok(["image", "inspect", `${registry.host}/owners`])) as {
      Id: string;
    }[];
    await editor.menu(image("owners"), "Copy ID");
    await copied(owners?.Id ?? "");
    await editor.menu(image("owners"), "Copy Digest");
    await copied(`${registry.host}/owners@${digest}`);
    await editor.menu(image("configured"), "Copy Digest");
    await editor.onlyToast("configured:1.0 has no digest");
    await editor.shoot("no-digest");
    await editor.dismissToasts();
  });

  it("the status bar opens the list of VMs", async () => {
    await editor.page.locator(".statusbar-item", { hasText: "2 running" }).click();
    for (const name of ["web", "tool", "old-1", "old-2"]) {
      await editor.quickInput.locator(".monaco-list-row", { hasText: name }).waitFor();
    }
    await editor.shoot("status-bar");
    await editor.pick("web");
    await editor.waitForTerminalNamed("web");
    await editor.waitForTerminal(/# ?$/);
  });

  it("the diagnostics have all versions, and no secret and no name", async () => {
    await editor.begin("mocker.copyDiagnostics");
    await editor.onlyToast("Mocker's diagnostics are in the clipboard.");
    await editor.shoot("diagnostics");
    await editor.dismissToasts();
    const text = await editor.clipboard();
    for (const expected of [
      /^Mocker \d+\.\d+\.\d+$/m,
      /^Editor: .+ 1\.\d+\.\d+, .*Web$/m,
      /^Node v\d+\.\d+\.\d+, linux-\w+, kernel \d/m,
      /^Engine \d+\.\d+\.\d+, protocol \d+, Node v?\d+/m,
      /^Runtime: (krun|simulation)/m,
      /^libkrun: \d+\.\d+/m,
      /^VMs: 2 of 4 running; images: 4$/m,
      /^Doctor: /m,
    ]) {
      assert.match(text, expected);
    }
    for (const hidden of [...Object.values(secrets), "API_TOKEN", "PASSWORD", "old-1", "debian", "busybox"]) {
      assert.ok(!text.includes(hidden), `the diagnostics have ${hidden}`);
    }
  });

  it("another extension uses the API", async () => {
    const seen = await editor.host(async (api) => {
      const mocker = api.extensions.getExtension<MockerExports>("mocker.mocker")?.exports;
      if (mocker === undefined) throw new Error("the extension is not there");
      let refused = "";
      try {
        mocker.getApi(2 as 1);
      } catch (error) {
        refused = String(error);
      }
      const { version, listVms, listImages } = mocker.getApi(1);
      const vms = await listVms();
      const images = await listImages();
      return {
        version,
        refused,
        vms: vms.map(({ name, state }) => `${name} ${state}`),
        images: images.length,
      };
    });
    assert.equal(seen.version, 1);
    assert.match(seen.refused, /RangeError: .*version 2/);
    assert.deepEqual(seen.vms.slice(0, 2).sort(), ["tool running", "web running"]);
    assert.deepEqual(seen.vms.slice(2).sort(), ["old-1 exited", "old-2 exited"]);
    assert.equal(seen.images, 4);
    const changed = editor.host(
      (api) =>
        new Promise<string[]>((resolve) => {
          const mocker = api.extensions.getExtension<MockerExports>("mocker.mocker")?.exports.getApi(1);
          const subscription = mocker?.onDidChange(async () => {
            const names = (await mocker.listVms()).map(({ name }) => name);
            if (!names.includes("fresh")) return;
            subscription?.dispose();
            resolve(names);
          });
        }),
    );
    await editor.mocker.ok(["create", "--name", "fresh", "busybox:1.36"]);
    assert.equal((await changed).length, 5);
    await editor.host(
      async (api, id: string) => {
        const mocker = api.extensions.getExtension("mocker.mocker")?.exports as MockerExports;
        await mocker.getApi(1).openConsole(id);
      },
      await idOf("tool"),
    );
    await editor.waitForTerminalNamed("tool");
  });

  it("images that nobody uses are pruned, their sizes shown first", async () => {
    const header = editor.view("Images");
    await editor.press(header, "Prune Images…");
    await editor.waitForStep(/Prune Images: \d.*B that no VM uses/);
    const rows = editor.quickInput.locator(".monaco-list-row");
    await rows.filter({ hasText: /configured:1\.0.*\d[kM]?B/ }).waitFor();
    await rows.filter({ hasText: /owners.*\d[kM]?B/ }).waitFor();
    assert.equal(await rows.count(), 2);
    await editor.shoot("prune-images");
    // Not this one.
    await rows.filter({ hasText: "owners" }).click();
    await editor.page.keyboard.press("Enter");
    await image("configured").waitFor({ state: "detached" });
    const left = (await editor.mocker.ok(["images", "--format", "{{.Repository}}"])).trim().split("\n");
    assert.deepEqual(left.sort(), [`${registry.host}/owners`, "busybox", "debian"].sort());
    assert.deepEqual(await editor.toasts(), []);
  });

  it("stopped VMs are removed together, after one question that names them", async () => {
    await editor.begin("mocker.pruneVms");
    await dialog().getByText("Remove 3 VMs?").waitFor();
    for (const name of ["old-1", "old-2", "fresh"]) await dialog().getByText(name).waitFor();
    await editor.shoot("prune-vms");
    await dialog().getByRole("button", { name: "Remove", exact: true }).click();
    await vm("old-1").waitFor({ state: "detached" });
    const left = (await editor.mocker.ok(["ps", "-a", "--format", "{{.Names}}"])).trim().split("\n");
    assert.deepEqual(left.sort(), ["tool", "web"]);
    assert.equal(await dialog().count(), 0);
  });

  it("several images are removed after one question", async () => {
    await importImage(editor.mocker, "configured", "other:2");
    await image("other:2").click();
    await editor.page.keyboard.down("Control");
    await image("owners").click();
    await editor.page.keyboard.up("Control");
    await editor.page.keyboard.press("Delete");
    await dialog()
      .getByText(/Remove 2 images \(.+B\)\?/)
      .waitFor();
    await editor.shoot("remove-images");
    await dialog().getByRole("button", { name: "Remove", exact: true }).click();
    await image("owners").waitFor({ state: "detached" });
    await image("other:2").waitFor({ state: "detached" });
    assert.equal(await dialog().count(), 0);
    assert.deepEqual(await editor.toasts(), []);
  });

  it("a restarted engine is another process; VMs and consoles go on", async () => {
    await editor.waitForTerminalNamed("tool");
    const [before = 0] = enginesOf(editor.mocker);
    const id = await idOf("tool");
    await editor.command("mocker.restartEngine");
    await retry(() => enginesOf(editor.mocker).length === 1 && enginesOf(editor.mocker)[0] !== before, {
      what: "another engine",
    });
    await vm("tool").waitFor();
    await editor.type("echo after-$((1 + 2))");
    await editor.waitForTerminal(/^after-3$/m);
    assert.equal(await idOf("tool"), id);
    assert.deepEqual(await editor.toasts(), []);
  });

  it("the log says what happened", async () => {
    await editor.begin("mocker.showLog");
    await editor.page.locator(".panel .view-line", { hasText: "Connected to engine" }).first().waitFor();
    await editor.shoot("log");
  });
});
