import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Registry, startRegistry } from "../../fixtures/registry.ts";
import { Mocker } from "../../support/mocker.ts";

// As an ordinary user, whom it makes the greatest difference: a guest's file system of its own has owners
// that the user need not have.

describe("a block volume", () => {
  const mocker = new Mocker();
  let registry: Registry;
  let image: string;
  before(async () => {
    registry = await startRegistry();
    image = `${registry.host}/owners`;
    await mocker.ok(["pull", "-q", image]);
    await mocker.ok(["volume", "create", "-o", "type=block", "-o", "size=300m", "big"]);
  });
  after(async () => {
    await mocker.close();
    await registry?.stop();
  });
  const exec = (user: string, script: string): Promise<string> =>
    mocker.ok(["exec", "-u", user, "db", "sh", "-c", script]);
  const reads = (script: string): string[] => [
    ...["--network", "none", "-v", "big:/data:ro", image, "sh", "-c", script],
  ];

  test("is filled from the image, has the size that was asked for, and any owner", async () => {
    const main = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"];
    await mocker.ok(["run", "-d", "--name", "db", "--network", "none", "-v", "big:/data", image, ...main]);
    const content = (await exec("0", "ls -A /data; stat -c '%u:%g %a' /data/app.txt /data")).split("\n");
    assert.deepEqual([content.includes("app.txt"), content.includes("lost+found")], [true, false]);
    assert.deepEqual(content.slice(-3), ["1000:1000 600", "0:0 755", ""]);
    await exec("0", "mkdir /data/db && chown 999:999 /data/db && chmod 700 /data/db");
    await exec("999:999", "echo row > /data/db/table && sync");
    assert.equal(await exec("0", "stat -c '%u:%g %a' /data/db /data/db/table"), "999:999 700\n999:999 644\n");
    const [, , kibibytes] =
      /^(\S+) +(\d+)/m.exec((await exec("0", "df -k /data")).split("\n")[1] ?? "") ?? [];
    assert.ok(Number(kibibytes) > 270 * 1024 && Number(kibibytes) < 300 * 1024, kibibytes);
  });

  test("has one writer, and no reader beside it", async () => {
    for (const mount of ["big:/data", "big:/data:ro"]) {
      const refused = await mocker.run(["run", "--rm", "--network", "none", "-v", mount, image, "true"]);
      assert.equal(refused.code, 125);
      assert.match(refused.stderr, /volume big is in use by the VM db: a block volume has one writer/);
    }
  });

  test("keeps its files when its VM is killed and started again", async () => {
    await mocker.ok(["kill", "db"]);
    await mocker.ok(["start", "db"]);
    const script = "cat /data/db/table; echo more >> /data/db/table; stat -c %u:%g /data/db/table";
    assert.equal(await exec("999:999", script), "row\n999:999\n");
    await mocker.ok(["stop", "db"]);
  });

  test("is for several VMs that only read", async () => {
    const first = ["run", "-d", "--name", "reader", ...reads("sleep 100000")];
    await mocker.ok(first);
    const second = await mocker.run(["run", "--rm", ...reads("cat /data/db/table; touch /data/new")]);
    assert.equal(second.stdout.toString(), "row\nmore\n", second.stderr);
    assert.match(second.stderr, /Read-only file system/);
    const refused = await mocker.run(["start", "db"]);
    assert.match(refused.stderr, /volume big is in use by the VM reader: /);
    await mocker.ok(["kill", "reader"]);
  });

  test("is one of as many as a VM has room for, and one too many is refused before it boots", async () => {
    const mounts = [1, 2, 3, 4, 5].map((n) => [
      "--mount",
      `type=volume,src=disk${n},dst=/d${n},volume-opt=type=block,volume-opt=size=64m`,
    ]);
    const options = ["run", "--rm", "--network", "none"];
    const script = "for n in 1 2 3 4; do ls -A /d$n; echo $n > /d$n/n; done; cat /d?/n";
    const room = mounts.slice(0, 4).flat();
    assert.equal(await mocker.ok([...options, ...room, image, "sh", "-c", script]), "1\n2\n3\n4\n");
    const refused = await mocker.run([...options, ...mounts.flat(), image, "true"]);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /room for 4 networks and block volumes, not 5/);
  });
});
