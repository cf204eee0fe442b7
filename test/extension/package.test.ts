import { strict as assert } from "node:assert";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "mocha";
import { installCommand } from "../../extension/commands/install-command.ts";
import { needPrograms, runTool } from "../support/host.ts";
import { Mocker } from "../support/mocker.ts";
import { rootDir } from "../support/paths.ts";
import { provideCodeServer } from "./harness/code-server.ts";
import { note } from "./harness/figures.ts";
import { packageExtension } from "./harness/vsix.ts";

const allowed = [
  /^\[Content_Types\]\.xml$/,
  /^extension\.vsixmanifest$/,
  /^extension\/(package\.json|package\.nls(\.de)?\.json|readme\.md|changelog\.md|LICENSE\.txt)$/,
  /^extension\/dist\/man\/man1\/mocker-[a-z-]+\.1$/,
  /^extension\/dist\/extension-[\w-]+\.js$/,
  /^extension\/l10n\/bundle\.l10n(\.de)?\.json$/,
  /^extension\/media\/(icon\.png|mocker\.svg|mocker\.schema\.json|walkthrough\/[a-z-]+\.png)$/,
];
const required = [
  ...[
    "engine.js",
    "layer-worker.js",
    "store-worker.js",
    "cli.js",
    "cli-main.js",
    "extension.js",
    "ThirdPartyNotices.txt",
  ].map((name) => `dist/${name}`),
  "dist/bin/mocker",
  "dist/man/man1/mocker.1",
  "dist/share/bash-completion/completions/mocker",
  ...[
    "mocker.node",
    "mocker-vmm",
    "mocker-agent",
    "mocker-hello",
    "mocker-netd",
    "libkrun.so.1",
    "vmlinux",
  ].map((name) => `dist/native/${name}`),
  ...["versions.json", "ext4-template.bin.gz", "mocker-vmm.apparmor"].map((name) => `dist/native/${name}`),
].map((name) => `extension/${name}`);

describe("the package", () => {
  let mocker: Mocker;
  let vsix: string;
  before(async () => {
    await needPrograms({ unzip: "unzip" });
    mocker = new Mocker();
    vsix = await packageExtension(mocker.dir);
    await runTool("unzip", ["-q", vsix, "-d", join(mocker.dir, "x")]);
  });

  it("holds what it needs and nothing else", async () => {
    const files = (await runTool("unzip", ["-Z1", vsix])).trim().split("\n");
    assert.deepEqual(
      required.filter((name) => !files.includes(name)),
      [],
    );
    assert.deepEqual(
      files.filter((name) => !required.includes(name) && !allowed.some((pattern) => pattern.test(name))),
      [],
    );
    note("VSIX", `${(statSync(vsix).size / 1e6).toFixed(1)} MB`);
    for (const name of required.filter((file) => file.endsWith(".js"))) {
      note(name, `${Math.round(statSync(join(mocker.dir, "x", name)).size / 1000)} kB`);
    }
  });

  it("is for this platform", async () => {
    const manifest = await runTool("unzip", ["-p", vsix, "extension.vsixmanifest"]);
    assert.match(manifest, /TargetPlatform="linux-(x64|arm64)"/);
  });

  it("names the licence of all that it holds", async () => {
    const notices = await runTool("unzip", ["-p", vsix, "extension/dist/ThirdPartyNotices.txt"]);
    for (const name of ["vscode-languageclient", "libkrun (crate)", "Linux kernel", "JSON for Modern C++"]) {
      assert.ok(notices.includes(name), name);
    }
    assert.match(notices, /GNU GENERAL PUBLIC LICENSE/i);
  });

  it("has a page of its own, with pictures only where a publisher keeps them", async () => {
    const page = (file: string) => runTool("unzip", ["-p", file, "extension/readme.md"]);
    const source = readFileSync(join(rootDir(), "extension/README.md"), "utf8");
    const pictures = [...source.matchAll(/!\[[^\]]+\]\(\.\.\/(media\/[\w-]+\.png)\)/g)].map(
      ([, path]) => path ?? "",
    );
    assert.equal(pictures.length, source.match(/!\[/g)?.length);
    const plain = await page(vsix);
    assert.doesNotMatch(plain, /!\[/);
    const published = await page(
      await packageExtension(mocker.dir, ["--base-images-url", "https://example.org/mocker"]),
    );
    for (const path of pictures) {
      assert.ok(existsSync(join(rootDir(), path)), path);
      assert.ok(published.includes(`(https://example.org/mocker/${path})`), path);
    }
    assert.match(plain, /telemetry/);
    const { version } = JSON.parse(readFileSync(join(rootDir(), "package.json"), "utf8")) as {
      version: string;
    };
    const changes = await runTool("unzip", ["-p", vsix, "extension/changelog.md"]);
    assert.ok(changes.includes(`## [${version}]`), `the changes of ${version}`);
  });

  it("has a command line that works where there is no Node but the editor's", async () => {
    const { node } = await provideCodeServer(() => undefined);
    const bin = join(mocker.dir, "bin");
    const extensionPath = join(mocker.dir, "x/extension");
    const target = { extensionPath, extensionId: "mocker.mocker", nodePath: node };
    const { path } = installCommand(target, bin, {});
    const env = mocker.environment({ PATH: "/nonexistent" });
    assert.match(await runTool(path, ["--version"], { env }), /\d+\.\d+\.\d+/);
    assert.match(await runTool(path, ["run", "--rm", "hello"], { env }), /hello/i);
    await mocker.close();
  });
});
