import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import {
  type CommandTarget,
  installCommand,
  isCommandInstalled,
  refreshCommand,
  uninstallCommand,
} from "../../../../extension/commands/install-command.ts";

const root = process.env.MOCKER_TEST_ROOT ?? process.cwd();
const folder = mkdtempSync(join(tmpdir(), "mocker-install-"));
after(() => rmSync(folder, { recursive: true }));

/** A version of the extension whose command line prints it and its arguments. */
function version(extensions: string, name: string, installedAt: number): CommandTarget {
  const extensionPath = join(folder, extensions, `mocker.mocker-${name}`);
  const command = join(extensionPath, "dist/bin/mocker");
  mkdirSync(dirname(command), { recursive: true });
  cpSync(join(root, "extension/bin/mocker"), command);
  chmodSync(command, 0o755);
  utimesSync(command, installedAt, installedAt);
  const cli = `process.stdout.write(JSON.stringify([${JSON.stringify(name)}, ...process.argv.slice(2)]));`;
  writeFileSync(join(extensionPath, "dist/cli.js"), cli);
  return { extensionPath, extensionId: "mocker.mocker", nodePath: process.execPath };
}

function run(path: string, args: string[] = [], env: NodeJS.ProcessEnv = { PATH: "/nonexistent" }): unknown {
  return JSON.parse(execFileSync(path, args, { encoding: "utf8", env, stdio: "pipe" }));
}

test("the command runs the command line with its arguments as they are, and can be installed again", () => {
  const bin = join(folder, "bin");
  const target = version("it's here", "0.1.0", 1000);
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(installCommand(target, bin, { PATH: `/usr/bin:${bin}` }), {
      path: join(bin, "mocker"),
      onPath: true,
    });
  }
  const args = ["run", "two words", "", "$HOME", "--env-file", "nosuch"];
  assert.deepEqual(run(join(bin, "mocker"), args), ["0.1.0", ...args]);
  assert.equal(installCommand(target, bin, { PATH: "/usr/bin" }).onPath, false);
});

test("the command is that of the version installed last, also when the one it was made by is gone", () => {
  const bin = join(folder, "updated");
  const first = version("updates", "0.9.0-linux-x64", 1000);
  const { path } = installCommand(first, bin, {});
  const second = version("updates", "0.10.0-linux-x64", 2000);
  assert.deepEqual(run(path), ["0.10.0-linux-x64"]);
  rmSync(first.extensionPath, { recursive: true });
  assert.deepEqual(run(path), ["0.10.0-linux-x64"]);
  version("updates", "0.8.0-linux-x64", 3000);
  assert.deepEqual(run(path), ["0.8.0-linux-x64"]);
  rmSync(join(second.extensionPath, ".."), { recursive: true });
  assert.throws(() => run(path), { status: 127, stderr: /extension is gone/ });
});

test("without the editor's Node it is one on PATH, and without any the command says what to do", () => {
  const bin = join(folder, "nodeless");
  const target = version("nodeless", "0.1.0", 1000);
  const { path } = installCommand({ ...target, nodePath: join(folder, "moved") }, bin, {});
  assert.deepEqual(run(path, [], { PATH: dirname(process.execPath) }), ["0.1.0"]);
  assert.deepEqual(run(path, [], { PATH: "/nonexistent", MOCKER_NODE: process.execPath }), ["0.1.0"]);
  assert.throws(() => run(path), { status: 127, stderr: /no node is on PATH/ });
});

test("an installed command follows its editor when that moves, and no other editor", () => {
  const bin = join(folder, "followed");
  const target = version("followed", "0.1.0", 1000);
  const { path } = installCommand({ ...target, nodePath: "/old/node" }, bin, {});
  const text = () => readFileSync(path, "utf8");
  refreshCommand({ ...version("others", "0.1.0", 1000), nodePath: "/others/node" }, bin);
  assert.match(text(), /'\/old\/node'/);
  refreshCommand({ ...target, nodePath: "/new/node" }, bin);
  assert.match(text(), /'\/new\/node'/);
  // As version 0.1.0 wrote it.
  const cli = join(target.extensionPath, "dist/cli.js");
  writeFileSync(
    path,
    `#!/bin/sh\n# Installed by the Mocker extension.\ncli='${cli}'\nexec node "$cli" "$@"\n`,
  );
  refreshCommand(target, bin);
  assert.deepEqual(run(path), ["0.1.0"]);
});

test("nothing is written where no command was installed", () => {
  const bin = join(folder, "nowhere");
  refreshCommand(version("none", "0.1.0", 1000), bin);
  assert.equal(existsSync(bin), false);
});

test("an installed command is uninstalled; somebody else's mocker is neither overwritten nor removed", () => {
  const bin = join(folder, "uninstalled");
  const target = version("uninstalled", "0.1.0", 1000);
  const { path } = installCommand(target, bin, {});
  assert.equal(isCommandInstalled(bin), true);
  assert.equal(uninstallCommand(bin), path);
  assert.equal(existsSync(path), false);
  writeFileSync(path, "#!/bin/sh\n");
  assert.throws(() => installCommand(target, bin, {}), /exists/);
  refreshCommand(target, bin);
  assert.equal(uninstallCommand(bin), undefined);
  assert.equal(readFileSync(path, "utf8"), "#!/bin/sh\n");
});
