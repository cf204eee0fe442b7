import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type VmExecParams, vmExec } from "../../../engine/protocol/index.ts";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { type Result, Setup } from "./harness.ts";

const cli = join(rootDir(), "dist", "cli.js");

/** The built command as a process of its own: Node reads its command line before Mocker does. */
describe("mocker as a process", () => {
  let setup: Setup;
  before(async () => {
    setup = await Setup.create();
    setup.engine.handle(vmExec, () => ({ execId: "1" }));
  });
  after(() => setup.close());

  const lastExec = () => setup.engine.calls.at(-1)?.params as VmExecParams | undefined;
  const run = (program: string, args: string[], environment: NodeJS.ProcessEnv = {}): Promise<Result> =>
    new Promise((resolve, reject) => {
      const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;
      const env = {
        PATH,
        MOCKER_RUN_DIR: setup.dir,
        MOCKER_DATA_DIR: setup.dir,
        MOCKER_ENGINE: "/nonexistent",
        HOME: setup.dir,
        ...environment,
      };
      execFile(program, args, { cwd: setup.dir, env }, (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === "number") resolve({ code, stdout, stderr });
        else reject(error);
      });
    });

  test("an --env-file after the command belongs to the command", async () => {
    const command = ["node", "--env-file=.env", "app.js"];
    assert.deepEqual(await run(cli, ["exec", "-d", "web", ...command]), { code: 0, stdout: "", stderr: "" });
    assert.deepEqual(lastExec()?.command, command);
  });

  test("an --env-file that is not there is Mocker's error", async () => {
    const { code, stderr } = await run(cli, ["run", "--env-file", "nosuch", "busybox"]);
    assert.equal(code, 125, stderr);
    assert.match(stderr, /^mocker: open \S*nosuch: no such file or directory$/m);
  });

  test("NODE_OPTIONS in an --env-file are for the VM and load nothing here", async () => {
    const script = join(setup.dir, "evil.cjs");
    writeFileSync(script, `process.stdout.write("loaded on the host");`);
    writeFileSync(join(setup.dir, "env"), `NODE_OPTIONS=--require ${script}\n`);
    assert.deepEqual(await run(cli, ["exec", "-d", "--env-file", "env", "web", "true"]), {
      code: 0,
      stdout: "",
      stderr: "",
    });
    assert.deepEqual(lastExec()?.env, [`NODE_OPTIONS=--require ${script}`]);
  });

  test("through a link, as npm installs it", async () => {
    const bin = join(tmpDir(), "node_modules", ".bin");
    mkdirSync(bin, { recursive: true });
    symlinkSync(cli, join(bin, "mocker"));
    const { code, stdout } = await run(join(bin, "mocker"), ["--version"]);
    assert.equal(code, 0);
    assert.match(stdout, /^Mocker version \d/);
  });

  test("a cache of compiled code that is damaged is made anew", async () => {
    const environment = { XDG_CACHE_HOME: join(setup.dir, "cache") };
    const ask = () => run(cli, ["exec", "-d", "web", "true"], environment);
    const done = { code: 0, stdout: "", stderr: "" };
    assert.deepEqual(await ask(), done);
    const root = join(setup.dir, "cache/mocker/code");
    const [version = ""] = readdirSync(root);
    const code = join(root, version, "code");
    const whole = statSync(code).size;
    for (const damaged of ["", "no code at all", Buffer.alloc(1 << 20, 0xff)]) {
      writeFileSync(code, damaged);
      assert.deepEqual(await ask(), done);
      assert.ok(statSync(code).size > whole / 2, `${statSync(code).size} bytes of ${whole}`);
      assert.deepEqual(await ask(), done);
    }
  });

  test("cached code starts an engine as any other does", async () => {
    const XDG_CACHE_HOME = join(setup.dir, "cache-of-start");
    const engine = join(setup.dir, "engine.js");
    writeFileSync(engine, "process.exit(3);");
    const command = ["exec", "-d", "web", "true"];
    const startingAt = (directory: string) => {
      const path = join(setup.dir, directory);
      mkdirSync(path, { mode: 0o700 });
      return run(cli, command, {
        ...{ XDG_CACHE_HOME, MOCKER_RUN_DIR: path, MOCKER_DATA_DIR: path },
        MOCKER_ENGINE: engine,
      });
    };
    const before = await startingAt("before");
    assert.match(before.stderr, /the mocker engine did not start: /);
    assert.doesNotMatch(before.stderr, /import/);
    assert.equal((await run(cli, command, { XDG_CACHE_HOME })).code, 0);
    assert.ok(existsSync(join(XDG_CACHE_HOME, "mocker/code")));
    const { code, stderr } = await startingAt("after");
    assert.equal(code, before.code);
    assert.equal(stderr.replaceAll("/after", "/before"), before.stderr);
  });
});
