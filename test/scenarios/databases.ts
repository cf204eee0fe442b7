import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { RuntimeName } from "../../engine/protocol/engine.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { Mocker } from "../support/mocker.ts";
import { inLab } from "../support/paths.ts";

/** Real servers, which start as root, give their volume to a user of their own and become that one. */
export function databaseScenarios(runtime: RuntimeName): void {
  describe(`databases on ${runtime}`, () => {
    const mocker = new Mocker();
    let registry: Registry;
    let image: string;
    before(async () => {
      registry = await startRegistry();
      image = `${registry.host}/databases`;
      await mocker.ok(["pull", "-q", image]);
      assert.equal(JSON.parse(await mocker.ok(["info", "--format", "json"])).runtime, runtime);
    });
    after(async () => {
      await mocker.close();
      await registry?.stop();
    });

    // On the lab's emulated CPU initdb alone takes minutes.
    if (!inLab) postgresScenario(mocker, () => image);

    test("Redis keeps its data on a named volume when the VM is killed", async () => {
      const server = ["redis-server", "--dir", "/data", "--appendonly", "yes", "--appendfsync", "always"];
      const redis = (...words: string[]): string[] => ["exec", "cache", "redis-cli", ...words];
      await mocker.ok(["run", "-d", "--name", "cache", "-v", "cache:/data", image, ...server]);
      await mocker.until(redis("ping"), /^PONG$/m);
      assert.equal(await mocker.ok(redis("set", "key", "kept")), "OK\n");
      await mocker.ok(["kill", "cache"]);
      await mocker.ok(["start", "cache"]);
      await mocker.until(redis("get", "key"), /^kept$/m);
      await mocker.ok(["rm", "-fv", "cache"]);
    });
  });
}

function postgresScenario(mocker: Mocker, image: () => string): void {
  const sql = (text: string): string[] => [
    ...["exec", "-u", "999", "pg", "sh", "-c"],
    `$(echo /usr/lib/postgresql/*/bin/psql) -h /tmp -U postgres -Atc "$1"`,
    ...["sh", text],
  ];

  test("PostgreSQL keeps its rows on a named volume, whose files are its own, when the VM is killed", async () => {
    const volume = ["-v", "pgdata:/var/lib/postgresql/data"];
    await mocker.ok(["run", "-d", "--name", "pg", ...volume, image()]);
    await mocker.until(sql("select 1"), /^1$/m);
    await mocker.ok(sql("create table numbers as select generate_series(1, 1000) as n"));
    const owners = ["exec", "pg", "sh", "-c", "stat -c '%u:%g %a' $PGDATA $PGDATA/PG_VERSION"];
    assert.equal(await mocker.ok(owners), "999:999 700\n999:999 600\n");
    await mocker.ok(["kill", "pg"]);
    await mocker.ok(["start", "pg"]);
    await mocker.until(sql("select count(*), sum(n) from numbers"), /^1000\|500500$/m);
    await mocker.ok(["rm", "-f", "pg"]);
    await mocker.ok(["run", "-d", "--name", "pg", ...volume, image()]);
    await mocker.until(sql("select max(n) from numbers"), /^1000$/m);
    await mocker.ok(["rm", "-f", "pg"]);
  });
}
