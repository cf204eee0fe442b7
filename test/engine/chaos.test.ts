import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Mocker } from "../support/mocker.ts";
import { monitorsOf } from "../support/processes.ts";
import { retry } from "../support/retry.ts";

const rounds = 16;
/** A start takes some 60 ms here: the kills fall before, in and after it. */
const latestKillMs = 120;

test("the engine killed at any moment of a start leaves a valid store and no stray VM", async () => {
  const mocker = new Mocker();
  try {
    await mocker.ok(["run", "--rm", "hello"]);
    for (let round = 0; round < rounds; round++) {
      const engine = await mocker.enginePid();
      const name = `round-${round}`;
      const client = mocker.start(["run", "-d", "--name", name, "hello"]);
      await sleep((round / rounds) * latestKillMs);
      process.kill(engine, "SIGKILL");
      await client.exited;
      // Whatever was reached, the next engine knows it and everything can be done with it.
      const names = (await mocker.ok(["ps", "-a", "--format", "{{.Names}}"])).split("\n").filter(Boolean);
      for (const known of names) {
        assert.equal(known, name);
        assert.equal(JSON.parse(await mocker.ok(["inspect", known]))[0].Name, `/${known}`);
        await mocker.ok(["rm", "-f", known]);
      }
      assert.equal((await mocker.run(["run", "--rm", "--name", name, "hello"])).code, 0);
    }
    assert.deepEqual(readdirSync(join(mocker.dataDir, "state")), []);
    await retry(() => monitorsOf(mocker.dataDir).length === 0, { what: "the end of all monitors" });
  } finally {
    await mocker.close();
  }
});
