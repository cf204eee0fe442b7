/** Docker's flags, as docker 28.2.2 lists them: none is unknown here. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { create } from "../../../engine/cli/commands/container/create.ts";
import { run } from "../../../engine/cli/commands/container/run.ts";
import type { Flags } from "../../../engine/cli/flags.ts";
import { globalFlags } from "../../../engine/cli/global-flags.ts";
import { vmCreate } from "../../../engine/protocol/index.ts";
import { withFlagList } from "../../../scripts/flag-list.ts";
import { rootDir } from "../../support/paths.ts";
import { runOffline, Setup } from "./harness.ts";

/** What a recorded help page lists, without the help itself: `-c, --cpu-shares int`. */
function recorded(page: string): string[] {
  const path = join(rootDir(), "test", "unit", "cli", "docker-help", `${page}.txt`);
  const options = readFileSync(path, "utf8").split(/^(?:Global )?Options:$/m)[1] ?? "";
  return [...options.matchAll(/^ {2}(?:(-\w), | {4})(--[\w-]+)(?: ([a-z]\S*))?(?= {2}|\n)/gm)]
    .map(([, short, name, value]) => [short, name, value].filter(Boolean).join(" "))
    .filter((title) => title !== "--help");
}

function known(flags: Flags): string[] {
  return Object.entries(flags).map(([name, { short, valueName }]) =>
    [short && `-${short}`, `--${name}`, valueName].filter(Boolean).join(" "),
  );
}

describe("Docker's flags are known with their short forms and kinds of values", () => {
  const pages: [string, Flags, number][] = [
    ["run", run.flags, 103],
    ["create", create.flags, 100],
    ["docker", globalFlags, 11],
  ];
  for (const [page, flags, count] of pages) {
    test(page, () => {
      const wanted = recorded(page);
      assert.equal(wanted.length, count);
      assert.deepEqual(
        wanted.filter((title) => !known(flags).includes(title)),
        [],
      );
    });
  }
});

test("README.md lists what has no effect or is refused", () => {
  const text = readFileSync(join(rootDir(), "README.md"), "utf8");
  assert.equal(text, withFlagList(text), "run: npm run list-flags");
});

describe("flags that a VM cannot have are refused", () => {
  for (const [argv, said] of [
    [["run", "--gpus", "all", "img"], "mocker: --gpus is not supported: a VM has no GPU of the host\nhint: "],
    [["create", "--ip6", "::1", "img"], "mocker: --ip6 is not supported: "],
    [["--tls", "ps"], "mocker: --tls is not supported: "],
    [["run", "--device", "/dev/sda", "img"], 'invalid argument "/dev/sda" for "--device" flag: the devices'],
    [["run", "--pid", "container:x", "img"], "mocker: --pid: a VM shares nothing with another one"],
    [["run", "--uts", "foo", "img"], "mocker: --uts: invalid UTS mode\n\nRun 'mocker run --help'"],
  ] as const) {
    test(argv.join(" "), async () => {
      const { code, stderr } = await runOffline(argv);
      assert.equal(code, 125);
      assert.ok(stderr.startsWith(said), stderr);
    });
  }
});

/** An engine that makes VMs. */
async function creating(t: TestContext): Promise<Setup> {
  const setup = await Setup.create();
  t.after(() => setup.close());
  setup.engine.handle(vmCreate, () => ({ id: "id", name: "n", runtime: "krun" as const, warnings: [] }));
  return setup;
}

test("policies and the guest's options reach the engine as they are meant", async (t) => {
  const setup = await creating(t);
  const asked = async (...argv: string[]): Promise<unknown> => {
    const { code, stderr } = await setup.run(["create", ...argv, "img"]);
    assert.equal(code, 0, stderr);
    const asks = setup.engine.calls.at(-1)?.params;
    assert.ok(typeof asks === "object" && asks !== null);
    const always = ["image", "tty", "openStdin", "autoRemove"];
    return Object.fromEntries(Object.entries(asks).filter(([key]) => !always.includes(key)));
  };
  assert.deepEqual(await asked(), {});
  assert.deepEqual(await asked("--restart", "on-failure:3"), {
    restart: { name: "on-failure", maximumRetryCount: 3 },
  });
  assert.deepEqual(await asked("--health-cmd", "x y", "--health-interval=1m30s", "--health-retries=2"), {
    healthcheck: { test: ["CMD-SHELL", "x y"], intervalMs: 90_000, retries: 2 },
  });
  assert.deepEqual(await asked("--no-healthcheck"), { healthcheck: { test: ["NONE"] } });
  assert.deepEqual(await asked("--cpu-quota", "150000", "--cpu-period", "50000"), { cpus: 3 });
  const guest = [
    ...["--privileged", "--init", "--read-only", "--shm-size=1g", "--ulimit=core=-1", "--sysctl=a.b=c=d"],
    ...["--group-add=audio", "--cap-add=SYS_ADMIN", "--cap-drop=ALL", "--pids-limit=5", "--oom-score-adj=-7"],
    ...["--storage-opt", "size=2g", "--annotation", "k=v"],
  ];
  assert.deepEqual(await asked(...guest), {
    guest: {
      ...{ privileged: true, init: true, readOnly: true, shmSizeBytes: 2 ** 30 },
      ulimits: [{ name: "core", soft: -1, hard: -1 }],
      sysctls: { "a.b": "c=d" },
      ...{ groupAdd: ["audio"], capAdd: ["SYS_ADMIN"], capDrop: ["ALL"], pidsLimit: 5, oomScoreAdj: -7 },
      storageSizeBytes: 2 * 2 ** 30,
    },
    annotations: { k: "v" },
  });
});

describe("policies that make no sense are refused in Docker's words", () => {
  for (const [argv, said] of [
    [["--rm", "--restart", "always"], "conflicting options: cannot specify both --restart and --rm"],
    [["--no-healthcheck", "--health-retries", "1"], "--no-healthcheck conflicts with --health-* options"],
    [["--health-interval", "-1s"], "--health-interval cannot be negative"],
    [["--storage-opt", "foo"], "invalid storage option"],
    [["--cpus=1", "--cpu-quota=5"], "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
  ] as const) {
    test(argv.join(" "), async () => {
      const { code, stderr } = await runOffline(["run", ...argv, "img"]);
      assert.deepEqual(
        [code, stderr],
        [125, `mocker: ${said}\n\nRun 'mocker run --help' for more information\n`],
      );
    });
  }
});

test("flags without effect are accepted, and named with -D", async (t) => {
  const setup = await creating(t);
  const argv = ["create", "-c", "512", "--gpus", "", "--pid=host", "--device", "/dev/fuse", "img"];
  assert.deepEqual(await setup.run(argv), { code: 0, stdout: "id\n", stderr: "" });
  assert.deepEqual(
    (await setup.run(["-D", ...argv])).stderr.match(/^DEBUG: --[a-z-]+ has no effect/gm),
    ["cpu-shares", "device", "pid"].map((name) => `DEBUG: --${name} has no effect`),
  );
});

test("an unknown level of logging", async () => {
  assert.deepEqual(await runOffline(["-l", "foo", "ps"]), {
    code: 1,
    stdout: "",
    stderr: "Unable to parse logging level: foo\n",
  });
});
