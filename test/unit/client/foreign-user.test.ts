/**
 * Two users of one machine: an attacker who wants to be taken for the victim's engine, and the victim's
 * client. Both run as processes of their own, which need root to change their user.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../../engine/cli/connect.ts";
import { vmCreate } from "../../../engine/protocol/index.ts";
import { kvmStatus } from "../../../native/index.ts";

const roleVariable = "MOCKER_TEST_USER_ROLE";
const attacker = 61_602;
const victim = 61_601;
/** Of the directory that the test gives both: what the attacker waits for, and what he wrote down. */
const engineStarts = "engine-starts";
const heard = "heard";
const listening = "listening";

/** Makes the directory of the victim's engine, if it is not there, and pretends to be that engine. */
async function attack(dir: string, runDir: string): Promise<void> {
  process.setgid?.(attacker);
  process.setuid?.(attacker);
  if (!existsSync(runDir)) {
    while (!existsSync(join(dir, engineStarts))) await sleep(5);
    try {
      mkdirSync(runDir, { mode: 0o755 });
    } catch {
      return;
    }
  }
  const socket = join(runDir, "engine.sock");
  const server = createServer((peer) => {
    peer.on("error", () => undefined);
    peer.on("data", (bytes) => writeFileSync(join(dir, heard), bytes));
  });
  server.listen(socket, () => {
    chmodSync(socket, 0o777);
    writeFileSync(join(dir, listening), "");
  });
}

/** Asks for a VM with a secret; prints how it failed. */
async function ask(dir: string, runDir: string): Promise<void> {
  // The user may not read the checkout: loads the addon first.
  kvmStatus();
  process.setgid?.(victim);
  process.setuid?.(victim);
  const env = {
    MOCKER_RUN_DIR: runDir,
    MOCKER_DATA_DIR: join(dir, "victim"),
    MOCKER_ENGINE: join(dir, "engine.js"),
  };
  try {
    const engine = await connect(env, { timeoutMs: 1000 });
    await engine.request(vmCreate, { image: "hello", env: ["SECRET=hunter2"] });
    engine.close();
  } catch (error) {
    process.stdout.write(error instanceof Error ? error.message : String(error));
  }
  process.exit(0);
}

const role = process.env[roleVariable];
const [dir = "", runDir = ""] = process.argv.slice(2);
if (role === "attacker") void attack(dir, runDir);
else if (role === "victim") void ask(dir, runDir);
else defineTests();

function defineTests(): void {
  describe("another user in the engine's place", { skip: process.getuid?.() !== 0 }, () => {
    let dir = "";
    let runDir = "";
    let running: ChildProcess | undefined;
    beforeEach(() => {
      // As /tmp itself: anybody may make something in it.
      dir = mkdtempSync("/tmp/mocker-users-");
      chmodSync(dir, 0o1777);
      runDir = join(dir, "run");
      mkdirSync(join(dir, "victim"));
      chownSync(join(dir, "victim"), victim, victim);
      // An engine that takes its time, as any does, and comes to nothing.
      const marker = JSON.stringify(join(dir, engineStarts));
      writeFileSync(
        join(dir, "engine.js"),
        `require("fs").writeFileSync(${marker}, ""); setTimeout(() => process.exit(1), 500);`,
      );
    });
    afterEach(() => {
      running?.kill();
      running = undefined;
      rmSync(dir, { recursive: true, force: true });
    });

    const start = (as: "attacker" | "victim", target = runDir): ChildProcess =>
      spawn(process.execPath, [__filename, dir, target], {
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, [roleVariable]: as },
        stdio: ["ignore", "pipe", "inherit"],
      });
    const failure = async (): Promise<string> => {
      const client = start("victim");
      let text = "";
      client.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      await once(client, "close");
      return text;
    };
    const waitFor = async (name: string): Promise<void> => {
      while (!existsSync(join(dir, name))) await sleep(5);
    };
    const nothingHeard = (): void =>
      assert.equal(existsSync(join(dir, heard)) ? readFileSync(join(dir, heard), "utf8") : "", "");

    test("who waits for an engine to start cannot make its directory first", async () => {
      running = start("attacker");
      const message = await failure();
      nothingHeard();
      assert.match(message, /^the mocker engine did not start: it exited with status 1/);
    });

    test("a directory that others can enter, with a socket in it, is refused", async () => {
      mkdirSync(runDir);
      chmodSync(runDir, 0o777);
      running = start("attacker");
      await waitFor(listening);
      assert.equal(
        await failure(),
        `${runDir} is not a private directory of this user: it belongs to user 0`,
      );
      chownSync(runDir, victim, victim);
      assert.equal(
        await failure(),
        `${runDir} is not a private directory of this user: others can enter it (mode 0777)`,
      );
      nothingHeard();
    });

    test("a link is refused, wherever it leads", async () => {
      symlinkSync(join(dir, "nowhere"), runDir);
      const refusal = `${runDir} is not a private directory of this user: it is a symbolic link`;
      assert.equal(await failure(), refusal);
      mkdirSync(join(dir, "nowhere"), { mode: 0o700 });
      chownSync(join(dir, "nowhere"), victim, victim);
      assert.equal(await failure(), refusal);
      assert.ok(!existsSync(join(dir, engineStarts)), "no engine is started for it");
    });

    test("a socket of another user's that got into the private directory is sent nothing", async () => {
      const theirs = join(dir, "theirs");
      mkdirSync(theirs);
      chownSync(theirs, attacker, attacker);
      running = start("attacker", theirs);
      await waitFor(listening);
      mkdirSync(runDir, { mode: 0o700 });
      chownSync(runDir, victim, victim);
      renameSync(join(theirs, "engine.sock"), join(runDir, "engine.sock"));
      assert.equal(
        await failure(),
        `what listens at ${runDir}/engine.sock is a process of user ${attacker}, not an engine of this user's; nothing was sent to it`,
      );
      nothingHeard();
    });
  });
}
