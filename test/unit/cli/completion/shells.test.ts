/** The scripts of `mocker completion` in the shells themselves, with keys pressed in a terminal. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { completionScripts } from "../../../../engine/cli/completion/scripts.ts";
import { imageList, networkList, vmList, volumeList } from "../../../../engine/protocol/index.ts";
import { needPrograms } from "../../../support/host.ts";
import { rootDir } from "../../../support/paths.ts";
import { Terminal } from "../../../support/terminal.ts";
import { imageSummary, vmSummary, volumeSummary } from "../fixtures.ts";
import { runOffline, Setup } from "../harness.ts";

/** How each is started, without anybody's configuration, and with the prompt `$ `. */
const shells = {
  bash: ["exec bash --norc --noprofile", "PS1='$ '; bind 'set bell-style none'"],
  fish: ["exec fish --no-config", "function fish_prompt; echo '$ '; end; clear"],
  zsh: ["exec zsh -f", "PS1='$ '; autoload -Uz compinit; compinit -u -d zcompdump"],
} as const;

async function opened(t: TestContext, shell: keyof typeof shells): Promise<Terminal> {
  await needPrograms({ [shell]: shell });
  const setup = await Setup.create();
  let terminal: Terminal | undefined;
  // What the shell runs writes into the home until it has ended.
  t.after(async () => {
    await terminal?.close();
    await setup.close();
  });
  setup.engine
    .handle(vmList, () => [vmSummary({ name: "web" }), vmSummary({ name: "worker", status: "Up 5 days" })])
    .handle(imageList, () => [imageSummary({ repoTags: ["alpine:3.19", "other:1"] })])
    .handle(networkList, () => [])
    .handle(volumeList, () => [volumeSummary({ name: "my vol" })]);
  const bin = join(setup.dir, "bin");
  mkdirSync(bin);
  symlinkSync(join(rootDir(), "dist", "cli.js"), join(bin, "mocker"));
  writeFileSync(join(setup.dir, "vars.env"), "");
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: setup.dir,
    MOCKER_RUN_DIR: setup.dir,
    MOCKER_DATA_DIR: setup.dir,
  };
  terminal = await Terminal.open(setup.dir, env, { rows: 24, columns: 100 });
  for (const line of shells[shell]) await terminal.type(line);
  await terminal.type(
    shell === "fish" ? "mocker completion fish | source" : `source <(mocker completion ${shell})`,
  );
  await terminal.type("echo read''y");
  await terminal.waitFor(/^ready$/m);
  return terminal;
}

/** Presses Tab, once more where the answer has not come within its limit, as on a busy machine. */
async function complete(terminal: Terminal, wanted: RegExp): Promise<void> {
  for (let tries = 0; ; tries++) {
    await terminal.press("Tab");
    try {
      await terminal.waitFor(wanted, { timeoutMs: 4000 });
      return;
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}

for (const shell of ["bash", "zsh", "fish"] as const) {
  test(`Tab in ${shell}`, async (t) => {
    const terminal = await opened(t, shell);
    // What comes after the word shows when something is typed there.
    for (const [typed, line, next] of [
      ["mocker vol", "mocker volume", " "],
      ["mocker run alpine:3", "mocker run alpine:3\\.19", " "],
      ["mocker run --volumes-from=wo", "mocker run --volumes-from=worker", " "],
      ["mocker volume rm my", "mocker volume rm my\\\\ vol", " "],
      ['mocker volume rm "my v', 'mocker volume rm "my vol"', " ?"],
      ["mocker run -v my", "mocker run -v my\\\\ vol:", ""],
      ["mocker run --env-file va", "mocker run --env-file vars\\.env", " "],
    ] as const) {
      await terminal.press(typed);
      await complete(terminal, new RegExp(`${line} *$`));
      await terminal.press(".");
      await terminal.waitFor(new RegExp(`${line}${next}\\. *$`));
      await terminal.press("C-u");
    }
    // Two that fit, listed with what is known of them.
    await terminal.press("mocker rm w", "Tab");
    await complete(terminal, /web .*alpine, Up 2 minutes(.|\n)*worker .*alpine, Up 5 days/);
  });
}

describe("the script of a shell is printed", () => {
  for (const shell of ["bash", "fish", "zsh"] as const)
    test(shell, async () => {
      const { code, stdout } = await runOffline(["completion", shell]);
      assert.deepEqual([code, stdout], [0, completionScripts[shell]]);
    });
});
