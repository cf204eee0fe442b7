import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { RunConfigurations, tieOf } from "../../../../extension/run-configurations/run-configurations.ts";
import { resolvePath } from "../../../../extension/run-configurations/run-plan.ts";
import { RunConfigurationItem } from "../../../../extension/views/run-configuration-tree.ts";
import { currentFolder, localFolders, planContext, runDefaults } from "../../../../extension/workspace.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";
import { fake } from "../fake-vscode.ts";

/** A workspace of several folders, with the text of the file of each. */
function workspaceOf(files: Record<string, string | undefined>): void {
  const root = tmpDir();
  for (const [name, text] of Object.entries(files)) {
    const folder = join(root, name);
    mkdirSync(join(folder, ".vscode"), { recursive: true });
    if (text !== undefined) writeFileSync(join(folder, ".vscode/mocker.json"), text);
    fake.folders.push(folder);
  }
}

const fileOf = (...names: string[]) =>
  JSON.stringify({ runConfigurations: names.map((name) => ({ name, image: "alpine" })) });

beforeEach(() => fake.reset());

test("each folder of the workspace has its configurations, and rows say which", async () => {
  workspaceOf({ shop: fileOf("api", "db"), site: fileOf("api"), empty: undefined, broken: "{" });
  const configurations = new RunConfigurations();
  const entries = await configurations.entries();
  assert.deepEqual(
    entries.map(({ name, folder }) => `${folder.name}/${name}`),
    ["shop/api", "shop/db", "site/api", "broken/mocker.json"],
  );
  const items = entries.map((entry) => new RunConfigurationItem(entry, [], localFolders().length > 1));
  assert.equal(items[2]?.description, "alpine · site");
  assert.equal(new Set(items.map(({ id }) => id)).size, items.length);
});

test("a configuration of a name that two folders have is the one of the folder that is meant", async () => {
  workspaceOf({ shop: fileOf("api"), site: fileOf("api", "db") });
  const configurations = new RunConfigurations();
  const [shop, site] = localFolders();
  assert.equal((await configurations.place("api"))?.folder.name, "shop");
  assert.equal((await configurations.place("api", site))?.folder.name, "site");
  assert.equal((await configurations.place("db", shop))?.folder.name, "site");
  assert.equal(await configurations.place("nosuch"), undefined);
  const place = await configurations.place("api", site);
  assert.ok(place !== undefined);
  assert.equal((await configurations.find(place))?.image, "alpine");
  assert.deepEqual(tieOf(place), { name: "api", folder: site?.uri.fsPath });
});

test("paths and settings are those of the configuration's own folder", () => {
  workspaceOf({ shop: undefined, site: undefined });
  const [shop, site] = localFolders();
  fake.settings.set("", { "mocker.run.processors": 0, "mocker.run.cpus": 0, "mocker.run.memory": 512 });
  fake.settings.set(site?.uri.fsPath ?? "", { "mocker.run.memory": 2048, "mocker.run.cpus": 3 });
  assert.equal(
    resolvePath(`\${workspaceFolder}/data`, planContext(site)),
    join(site?.uri.fsPath ?? "", "data"),
  );
  assert.equal(runDefaults(shop).memoryMiB, 512);
  assert.equal(runDefaults(site).memoryMiB, 2048);
  // Under the name that the setting had in 0.1.0.
  assert.equal(runDefaults(site).cpus, 3);
  assert.equal(currentFolder()?.name, "shop");
});
