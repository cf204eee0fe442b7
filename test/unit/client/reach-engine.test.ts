import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { connect } from "../../../engine/cli/connect.ts";
import { endEngine } from "../../../engine/client/reach-engine.ts";
import { isPrivateDirectory } from "../../../engine/common/paths.ts";
import { engineInfo, MockerError, vmList } from "../../../engine/protocol/index.ts";
import { FakeEngine } from "./fake-engine.ts";

/** Set: this file is not tested but run, as the engine that a client starts. */
const roleVariable = "MOCKER_TEST_ENGINE_ROLE";
const alreadyRunning = 75;
const elsewhere = 78;

async function serve(role: string): Promise<void> {
  const dir = process.env.MOCKER_RUN_DIR ?? "";
  if (role === "fails") {
    process.stderr.write("no room on the disk\n");
    process.exit(1);
  }
  if (role === "elsewhere") {
    process.stderr.write("another engine uses it\n");
    process.exit(elsewhere);
  }
  if (role === "slow") {
    // As one that has much to read; those that are started meanwhile find its lock.
    const lock = join(dir, "..", "lock");
    if (existsSync(lock)) process.exit(alreadyRunning);
    writeFileSync(lock, "");
    await new Promise((resolve) => setTimeout(resolve, 4000));
  }
  // Slow enough for others to start theirs too.
  await new Promise((resolve) => setTimeout(resolve, 100));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  try {
    const engine = await FakeEngine.listen(dir);
    engine.handle(vmList, () => []);
    writeFileSync(join(dir, "pid"), String(process.pid));
    setTimeout(() => process.exit(0), 20_000).unref();
  } catch {
    process.exit(alreadyRunning);
  }
}

const role = process.env[roleVariable];
if (role !== undefined) void serve(role);
else defineTests();

function defineTests(): void {
  describe("reaching the engine", () => {
    let dir: string;
    let env: Record<string, string | undefined>;
    const pids: number[] = [];
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), "mocker-cli-"));
      env = {
        PATH: process.env.PATH,
        MOCKER_RUN_DIR: join(dir, "run"),
        MOCKER_DATA_DIR: join(dir, "data"),
        MOCKER_ENGINE: __filename,
        [roleVariable]: "serves",
      };
    });
    afterEach(() => {
      try {
        const pid = Number(readFileSync(join(dir, "run", "pid"), "utf8"));
        pids.push(pid);
        process.kill(pid);
      } catch {
        // This test had none.
      }
      rmSync(dir, { recursive: true, force: true });
    });
    after(() => assert.equal(new Set(pids).size, pids.length));

    const rejection = async (): Promise<MockerError> => {
      const error: unknown = await connect(env).then(
        (engine) => engine.close(),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof MockerError, String(error));
      return error;
    };

    test("commands that start at once end up with one engine", async () => {
      const engines = await Promise.all([connect(env), connect(env), connect(env)]);
      const running = Number(readFileSync(join(dir, "run", "pid"), "utf8"));
      assert.deepEqual(
        engines.map((engine) => engine.pid),
        [running, running, running],
      );
      assert.deepEqual(await engines[0]?.request(vmList, {}), []);
      for (const engine of engines) engine.close();
      const again = await connect(env);
      assert.equal(again.pid, running);
      again.close();
    });

    test("commands wait for an engine that another has started and that takes long to come up", async () => {
      env[roleVariable] = "slow";
      const engines = await Promise.all([connect(env), connect(env)]);
      assert.equal(engines[0]?.pid, engines[1]?.pid);
      for (const engine of engines) engine.close();
    });

    test("an engine that has the data and another socket is named at once", async () => {
      env[roleVariable] = "elsewhere";
      const error = await rejection();
      assert.equal(error.message, "the mocker engine did not start: another engine uses it");
      assert.match(error.hint ?? "", /MOCKER_RUN_DIR/);
    });

    test("a dead engine's socket is no obstacle", async () => {
      mkdirSync(join(dir, "run"), { mode: 0o700 });
      const path = join(dir, "run", "engine.sock");
      // A process that is killed leaves its socket behind.
      const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
      const child = spawn(process.execPath, ["-e", script]);
      await new Promise((resolve) => child.once("exit", resolve));
      env[roleVariable] = "fails";
      assert.equal((await rejection()).code, "ENGINE_UNREACHABLE");
    });

    test("an engine that does not come up: its own words, and where its log is", async () => {
      env[roleVariable] = "fails";
      const error = await rejection();
      assert.equal(error.code, "ENGINE_UNREACHABLE");
      assert.equal(error.message, "the mocker engine did not start: no room on the disk");
      assert.equal(error.hint, `see ${join(dir, "data", "engine.log")}`);
    });

    test("ending the engine: resolves when it is gone, also if there was none", async () => {
      await endEngine(env);
      mkdirSync(join(dir, "run"), { mode: 0o700 });
      const fake = createServer((socket) => {
        socket.once("data", (bytes) => {
          assert.match(bytes.toString(), /^Content-Length: \d+\r\n\r\n\{.*"method":"exit"\}$/);
          socket.destroy();
          fake.close();
        });
      });
      await new Promise<void>((resolve) => fake.listen(join(dir, "run", "engine.sock"), resolve));
      await endEngine(env);
      assert.equal(fake.listening, false);
    });

    test("an engine that is not installed", async () => {
      env.MOCKER_ENGINE = join(dir, "engine.js");
      const error = await rejection();
      assert.equal(
        error.message,
        `the mocker engine did not start: ${join(dir, "engine.js")} does not exist`,
      );
    });

    test("an engine of another protocol", async () => {
      mkdirSync(join(dir, "run"), { mode: 0o700 });
      const engine = await FakeEngine.listen(join(dir, "run"), { protocolVersion: 7 });
      const error = await rejection();
      assert.match(error.message, /^the running mocker engine \(9\.9\.9, process \d+\) speaks protocol 7/);
      assert.match(error.hint ?? "", /^restart the engine: kill \d+; VMs go on running/);
      await engine.close();
    });

    test("an engine that hangs up during the handshake is asked again", async () => {
      mkdirSync(join(dir, "run"), { mode: 0o700 });
      const path = join(dir, "run", "engine.sock");
      const ending = createServer((socket) => {
        socket.destroy();
        ending.close();
      });
      await new Promise<void>((resolve) => ending.listen(path, resolve));
      const engine = await connect(env);
      assert.equal(engine.version, "9.9.9");
      engine.close();
    });

    test("an engine that hangs does not hang the command", async () => {
      mkdirSync(join(dir, "run"), { mode: 0o700 });
      const path = join(dir, "run", "engine.sock");
      const silent = createServer();
      await new Promise<void>((resolve) => silent.listen(path, resolve));
      await assert.rejects(
        connect(env, 100),
        (error) =>
          error instanceof MockerError &&
          error.message === `the mocker engine at ${path} does not answer within 0.1 s`,
      );
      silent.close();
    });

    test("a request that was under way when the engine died fails", async () => {
      mkdirSync(join(dir, "run"), { mode: 0o700 });
      const fake = await FakeEngine.listen(join(dir, "run"));
      fake.handle0(engineInfo, () => new Promise(() => undefined));
      const engine = await connect(env);
      const answer = engine.request0(engineInfo);
      setTimeout(() => fake.close(), 20);
      await assert.rejects(
        answer,
        (error) =>
          error instanceof MockerError && error.message === "lost the connection to the mocker engine",
      );
      engine.close();
    });

    test("a socket path that is too long", async () => {
      env.MOCKER_RUN_DIR = join(dir, "x".repeat(100));
      const error = await rejection();
      assert.equal(error.code, "ENGINE_UNREACHABLE");
      assert.equal(error.hint, "set MOCKER_RUN_DIR to a shorter path");
    });

    test("a folder in /tmp that others can enter is not trusted", async () => {
      const open = mkdtempSync("/tmp/mocker-cli-open-");
      try {
        chmodSync(open, 0o755);
        assert.ok(!isPrivateDirectory(open));
        env.MOCKER_RUN_DIR = open;
        assert.match(
          (await rejection()).message,
          /is not a private directory of this user: others can enter it \(mode 0755\)$/,
        );
        chmodSync(open, 0o700);
        assert.ok(isPrivateDirectory(open));
      } finally {
        rmSync(open, { recursive: true });
      }
    });
  });
}
