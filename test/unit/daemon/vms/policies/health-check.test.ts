import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { HealthCheck, type ProbeRun } from "../../../../../engine/daemon/vms/policies/health-check.ts";
import type { Healthcheck } from "../../../../../engine/protocol/vm.ts";

const second = 1000;

/** A check whose commands a test ends. */
class Guest {
  readonly statuses: string[] = [];
  readonly commands: string[][] = [];
  kills = 0;
  paused = false;
  readonly check: HealthCheck;
  readonly #t: TestContext;
  #end: ((exitCode: number) => void) | undefined;
  #printed = "";

  constructor(t: TestContext, check: Healthcheck) {
    this.#t = t;
    t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
    this.check = new HealthCheck({
      check: { test: ["CMD-SHELL", "check"], ...check },
      run: async (command) => this.#run(command),
      isPaused: () => this.paused,
      onStatus: (status) => this.statuses.push(status),
    });
  }

  /** Lets time pass, and what waits for promises go on. */
  async pass(ms: number): Promise<void> {
    this.#t.mock.timers.tick(ms);
    await settled();
  }

  /** The command that runs ends. */
  async answer(exitCode: number, printed = ""): Promise<void> {
    this.#printed = printed;
    this.#end?.(exitCode);
    await settled();
  }

  #run(command: string[]): ProbeRun {
    this.commands.push(command);
    this.#printed = "";
    const exited = new Promise<number>((resolve) => {
      this.#end = resolve;
    });
    return { exited, output: () => this.#printed, kill: () => void this.kills++ };
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

test("it asks every interval, is unhealthy after some failures in a row, and healthy at once", async (t) => {
  const guest = new Guest(t, { intervalMs: 10 * second, retries: 2 });
  guest.check.begin(0);
  assert.deepEqual(guest.check.health, { status: "starting", failingStreak: 0, log: [] });
  await guest.pass(10 * second);
  assert.deepEqual(guest.commands, [["/bin/sh", "-c", "check"]]);
  await guest.pass(2 * second);
  await guest.answer(7, "no\n");
  assert.deepEqual(guest.check.health?.log, [
    { start: "1970-01-01T00:00:10.000Z", end: "1970-01-01T00:00:12.000Z", exitCode: 7, output: "no\n" },
  ]);
  // The interval begins at the end of the one before.
  await guest.pass(9 * second);
  assert.equal(guest.commands.length, 1);
  await guest.pass(second);
  await guest.answer(1);
  assert.equal(guest.check.health?.status, "unhealthy");
  await guest.pass(10 * second);
  await guest.answer(0);
  assert.deepEqual([guest.check.health?.status, guest.check.health?.failingStreak], ["healthy", 0]);
  assert.deepEqual(guest.statuses, ["unhealthy", "healthy"]);
});

test("failures in the start period do not count, and it asks more often there", async (t) => {
  const guest = new Guest(t, { startPeriodMs: 12 * second, retries: 1 });
  guest.check.begin(0);
  for (const _ of [1, 2]) {
    await guest.pass(5 * second);
    await guest.answer(1);
  }
  assert.deepEqual([guest.check.health?.failingStreak, guest.commands.length], [0, 2]);
  await guest.pass(5 * second);
  await guest.answer(1);
  assert.equal(guest.check.health?.status, "unhealthy");
  // Now the ordinary interval of 30 seconds.
  await guest.pass(29 * second);
  assert.equal(guest.commands.length, 3);
  await guest.pass(second);
  assert.equal(guest.commands.length, 4);
});

test("a check that takes too long is killed and has failed", async (t) => {
  const guest = new Guest(t, { timeoutMs: 1500 });
  guest.check.begin(0);
  await guest.pass(30 * second);
  await guest.pass(1500);
  assert.equal(guest.kills, 1);
  const [entry] = guest.check.health?.log ?? [];
  assert.deepEqual([entry?.exitCode, entry?.output], [-1, "Health check exceeded timeout (1.5s)"]);
});

test("five results are kept; nothing is asked in a pause, nor after the end", async (t) => {
  const guest = new Guest(t, { intervalMs: second });
  guest.check.begin(0);
  for (let exitCode = 1; exitCode <= 6; exitCode++) {
    await guest.pass(second);
    await guest.answer(exitCode);
  }
  assert.deepEqual(
    guest.check.health?.log.map(({ exitCode }) => exitCode),
    [2, 3, 4, 5, 6],
  );
  guest.paused = true;
  await guest.pass(second);
  assert.equal(guest.commands.length, 6);
  guest.paused = false;
  await guest.pass(second);
  assert.equal(guest.commands.length, 7);
  guest.check.end();
  await guest.answer(0);
  await guest.pass(60 * second);
  assert.deepEqual([guest.commands.length, guest.check.health?.status], [7, "unhealthy"]);
});
