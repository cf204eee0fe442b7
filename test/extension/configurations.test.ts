import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "jsonc-parser/lib/esm/main.js";
import { after, before, describe, it } from "mocha";
import { retry } from "../support/retry.ts";
import { Editor } from "./harness/editor.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

const file = `{
  // What the team runs.
  "runConfigurations": [
    {
      "name": "api",
      "image": "busybox:1.36", // pinned on purpose
      "env": { "MODE": "development" }
    },
    // Only for those who have the data.
    {
      "name": "import",
      /* runs for an hour */
      "image": "debian:12"
    }
  ]
}
`;

describe("run configurations", () => {
  let editor: Editor;
  const text = () => readFileSync(join(editor.workspace, ".vscode/mocker.json"), "utf8");
  const saved = () => (parse(text()) as { runConfigurations: Record<string, unknown>[] }).runConfigurations;
  const row = (name: string | RegExp) => editor.row("Run Configurations", name);
  pictureFailures(() => editor, true);
  before(async () => {
    editor = await Editor.open({
      files: { ".vscode/mocker.json": file, "assets/logo.svg": "<svg/>", "data/big.csv": "1,2\n" },
    });
    await editor.showViews();
    await row("import").waitFor();
  });
  after(async () => await editor?.close());

  it("edit jumps to the line", async () => {
    await editor.press(row("import"), "Edit Configuration");
    await retry(async () => (await cursorLine(editor))?.trim() === "{");
    const line = await editor.host((api) => api.window.activeTextEditor?.selection.active.line);
    assert.equal(file.split("\n")[(line ?? 0) + 1]?.trim(), '"name": "import",');
    await editor.shoot("configuration-edit");
  });

  it("duplicate adds a copy under a name of its own and shows it; comments stay", async () => {
    await editor.menu(row("api"), "Duplicate Configuration");
    await row("api copy").waitFor();
    await retry(() => saved().length === 3);
    assert.deepEqual(saved()[2], { ...saved()[0], name: "api copy" });
    for (const comment of file.match(/\/\/.*|\/\*.*\*\//g) ?? [])
      assert.ok(text().includes(comment), comment);
    await retry(async () => {
      const line = await editor.host((api) => {
        const active = api.window.activeTextEditor;
        return active?.document.lineAt(active.selection.active.line + 1).text;
      });
      return line?.includes('"api copy"') === true;
    });
    await editor.shoot("configuration-duplicate");
  });

  it("a folder that is dropped on one becomes a volume of it", async () => {
    await editor.command("workbench.action.closeAllEditors");
    // Beside each other: a person drags over the activity bar, which switches.
    await editor.command("vscode.moveViews", {
      viewIds: ["workbench.explorer.fileView"],
      destinationId: "workbench.view.extension.mocker",
    });
    const explorer = editor.page.locator(".explorer-folders-view");
    await explorer.locator(".monaco-list-row", { hasText: "assets" }).waitFor();
    await drag(editor, "assets", "import", () => saved()[1]?.volumes !== undefined);
    const volume = (name: string) => ({ source: `\${workspaceFolder}/${name}`, target: `/mnt/${name}` });
    assert.deepEqual(saved()[1]?.volumes, [volume("assets")]);
    await drag(editor, "data", "import", () => JSON.stringify(saved()[1]).includes("/mnt/data"));
    assert.deepEqual(saved()[1]?.volumes, [volume("assets"), volume("data")]);
    for (const comment of file.match(/\/\/.*|\/\*.*\*\//g) ?? [])
      assert.ok(text().includes(comment), comment);
    await row("import").click();
    await editor.page.locator(".view-line", { hasText: "/mnt/data" }).waitFor();
    await editor.shoot("configuration-dropped");
    await editor.command("vscode.moveViews", {
      viewIds: ["workbench.explorer.fileView"],
      destinationId: "workbench.view.explorer",
    });
    await editor.showViews();
  });

  it("delete asks once for all that are selected, and takes nothing else away", async () => {
    await row(/^api copy/).click();
    await editor.page.keyboard.down("Control");
    await row(/^import/).click();
    await editor.page.keyboard.up("Control");
    await editor.page.keyboard.press("Delete");
    const dialog = editor.page.locator(".monaco-dialog-box");
    await dialog.getByText("Delete 2 run configurations?").waitFor();
    for (const name of ["api copy", "import"]) await dialog.getByText(name).waitFor();
    await editor.shoot("configuration-delete");
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await row("import").waitFor({ state: "detached" });
    await retry(() => saved().length === 1);
    assert.match(text(), /"image": "busybox:1\.36", \/\/ pinned on purpose/);
    assert.match(text(), /\/\/ What the team runs\./);
    assert.equal(await dialog.count(), 0);
  });

  it("the file has IntelliSense: a wrong member is told, the right ones are offered", async () => {
    await row("api").click();
    const active = editor.page.locator(".editor-instance .monaco-editor");
    await active.locator(".view-line", { hasText: "pinned on purpose" }).waitFor();
    await retry(async () => (await cursorLine(editor))?.trim() === "{");
    assert.equal(await editor.host((api) => api.window.activeTextEditor?.document.languageId), "jsonc");
    await active.locator(".view-line", { hasText: "pinned on purpose" }).click();
    const { keyboard } = editor.page;
    await keyboard.press("End");
    await keyboard.press("Enter");
    await keyboard.type('"volums": [],');
    const problems = () =>
      editor.host((api) =>
        api.languages
          .getDiagnostics()
          .filter(([uri]) => uri.path.endsWith("/mocker.json"))
          .flatMap(([, found]) => found.map(({ message }) => message)),
      );
    await retry(async () => {
      const [only, ...others] = await problems();
      return others.length === 0 && only?.includes("volums");
    });
    // The view says so as well, at once.
    await row("api").filter({ hasText: 'has an unknown member "volums"' }).waitFor();
    await keyboard.press("Enter");
    await keyboard.type('"');
    await editor.command("editor.action.triggerSuggest");
    const suggestions = editor.page.locator(".suggest-widget.visible .monaco-list-row");
    for (const key of ["command", "memoryMiB", "secrets"]) {
      await suggestions.filter({ hasText: key }).first().waitFor();
    }
    // What is there already is not offered.
    assert.equal(await suggestions.filter({ hasText: /^image/ }).count(), 0);
    await editor.shoot("configuration-intellisense");
    await editor.command("workbench.action.files.revert");
  });
});

async function cursorLine(editor: Editor): Promise<string | undefined> {
  return await editor.host((api) => {
    const active = api.window.activeTextEditor;
    return active?.document.lineAt(active.selection.active.line).text;
  });
}

/** From the explorer to a run configuration. */
async function drag(
  editor: Editor,
  folder: string,
  configuration: string,
  isDropped: () => boolean,
): Promise<void> {
  const from = editor.page.locator(".explorer-folders-view .monaco-list-row", { hasText: folder }).first();
  // On a busy machine the browser may take the mouse's way for a click.
  await retry(
    async () => {
      await from.dragTo(editor.row("Run Configurations", configuration));
      return await retry(isDropped, { timeoutMs: 10_000 });
    },
    { timeoutMs: 60_000 },
  );
}
