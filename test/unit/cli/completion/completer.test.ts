import assert from "node:assert/strict";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { groups, verbs } from "../../../../engine/cli/command-table.ts";
import { argumentSource, placeholders } from "../../../../engine/cli/completion/values.ts";
import { imageList, networkList, vmList, volumeList } from "../../../../engine/protocol/index.ts";
import { imageSummary, vmSummary, volumeSummary } from "../fixtures.ts";
import { runOffline, Setup } from "../harness.ts";

async function engine(t: TestContext): Promise<Setup> {
  const setup = await Setup.create();
  t.after(() => setup.close());
  setup.engine
    .handle(vmList, () => [
      vmSummary({ name: "web" }),
      vmSummary({ name: "was", state: "exited", status: "Exited (0) 3 days ago" }),
    ])
    .handle(imageList, () => [imageSummary({ repoTags: ["alpine:3.19", "alpine:latest", "web:1"] })])
    .handle(networkList, () => [])
    .handle(volumeList, () => [volumeSummary({ name: "wares" })]);
  return setup;
}

describe("candidates for the last word", () => {
  for (const [line, wanted] of [
    ["n", ["network"]],
    ["vol", ["volume"]],
    ["volume p", ["prune"]],
    ["help volume p", ["prune"]],
    ["--log-level ", ["debug", "error", "fatal", "info", "warn"]],
    ["--log-level debug pus", ["push"]],
    ["run --rm --env-", ["--env-file"]],
    ["run --rm --rm=tr", []],
    ["run --pull=n", ["--pull=never"]],
    ["run -e PRES", ["PRESENT"]],
    ["run -itePRES", []],
    ["run -ePRES", ["-ePRESENT"]],
    ["run -it alpine:3", ["alpine:3.19"]],
    ["run --network n", ["none"]],
    ["run -v w", ["wares:"]],
    ["exec w", ["web"]],
    ["exec -it -e A=b w", ["web"]],
    ["start w", ["was"]],
    ["rm w", ["was", "web"]],
    ["rm web w", ["was"]],
    ["rm -- -", []],
    ["container logs w", ["was", "web"]],
    ["inspect w", ["wares", "was", "web", "web:1"]],
    ["cp w", ["was:", "web:"]],
    ["kill -s KIL", ["KILL"]],
    ["rename web w", []],
    ["logs web w", []],
    ["volume create w", []],
    ["system service i", ["install"]],
    ["nonsense x", []],
  ] as const) {
    test(line, async (t) => {
      const setup = await engine(t);
      const words = line.split(" ");
      const result = await setup.run(["__complete", "zsh", ...words], { PRESENT: "1" });
      assert.deepEqual([result.code, result.stderr], [0, ""]);
      const texts = result.stdout.trimEnd().split("\n").slice(1);
      assert.deepEqual(
        texts.map((text) => text.split("\t")[0]),
        wanted,
      );
    });
  }
});

test("descriptions, and what the shell is to do", async (t) => {
  const setup = await engine(t);
  const ask = async (...words: string[]) => (await setup.run(["__complete", ...words])).stdout;
  assert.equal(await ask("zsh", "rm", "wa"), "space\nwas\talpine, Exited (0) 3 days ago\n");
  assert.equal(await ask("fish", "run", "-v", "'wa"), "nospace\nwares:\tlocal\n");
  assert.equal(await ask("zsh", "run", "-v", "./"), "files\n");
  assert.equal(await ask("zsh", "--config", "x"), "directories\n");
  const breaks = ` \t\n"'><=;|&(:`;
  assert.equal(await ask("bash", "9", breaks, "80", "mocker run alpine:3"), "space\n3.19\n");
  assert.equal(await ask("bash", "9", breaks, "80", 'mocker run "alpine:3'), "space\nalpine:3.19\n");
  assert.equal(
    await ask("bash", "63", breaks, "34", "mocker rm wa w"),
    "space\nwas  (alpine, Exited (0) 3 days…\nweb  (alpine, Up 2 minutes)\n",
  );
});

test("where no engine runs, or one that does not answer, there are no names, and no words", async (t) => {
  const nothing = { code: 0, stdout: "space\n", stderr: "" };
  assert.deepEqual(await runOffline(["__complete", "zsh", "rm", ""]), nothing);
  const setup = await engine(t);
  assert.deepEqual(await setup.run(["__complete", "zsh", "rm", ""], { MOCKER_RUN_DIR: "/etc" }), {
    code: 0,
    stdout: "",
    stderr: "",
  });
  await setup.engine.close();
  const mute = createServer(() => undefined).listen(join(setup.dir, "engine.sock"));
  t.after(() => mute.close());
  assert.equal((await setup.run(["__complete", "zsh", "rm", ""])).stdout, "");
  assert.match((await setup.run(["__complete", "zsh", "rm", "--"])).stdout, /^--force\t/m);
});

test("of every argument of every command it is known what it can be", async () => {
  for (const group of [verbs, ...groups.values()])
    for (const name of group.listed.keys()) {
      const found = group.find(name);
      const { usage } = (await found?.load()) ?? {};
      const [call = ""] = found?.calls ?? [];
      for (const [index, placeholder] of placeholders(usage ?? "").entries())
        assert.ok(argumentSource(call, usage ?? "", index), `${call}: ${placeholder}`);
    }
});
