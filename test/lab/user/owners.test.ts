import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ownersExpected } from "../../fixtures/owners.ts";
import { type Registry, startRegistry } from "../../fixtures/registry.ts";
import { Mocker } from "../../support/mocker.ts";

describe("an ordinary user's microVM", () => {
  const mocker = new Mocker();
  let registry: Registry;
  let image: string;
  before(async () => {
    registry = await startRegistry();
    image = `${registry.host}/owners`;
    await mocker.ok(["pull", "-q", image]);
  });
  after(async () => {
    await mocker.close();
    await registry?.stop();
  });

  test("this is not root, and the runtime is krun", async () => {
    assert.notEqual(process.getuid?.(), 0);
    assert.equal(JSON.parse(await mocker.ok(["info", "--format", "json"])).runtime, "krun");
  });

  test("owners, modes, setuid bits, devices and links are the image's", async () => {
    const paths = ownersExpected.stat.map((line) =>
      line.slice(0, line.search(/ (directory|regular|symbolic|fifo|character|block)/)),
    );
    const script = 'for path in "$@"; do stat -c "%n %F %a %u %g" "$path"; done';
    const seen = await mocker.ok(["run", "--rm", image, "sh", "-c", script, "sh", ...paths]);
    assert.deepEqual(seen.trim().split("\n"), ownersExpected.stat);
  });

  test("what later layers removed is gone, what they changed is changed", async () => {
    const script = 'for path in "$@"; do test -e "$path" && echo "$path"; done; true';
    assert.equal(
      await mocker.ok(["run", "--rm", image, "sh", "-c", script, "sh", ...ownersExpected.gone]),
      "",
    );
    const files = Object.entries(ownersExpected.contents);
    const contents = await mocker.ok(["run", "--rm", image, "cat", ...files.map(([path]) => path)]);
    assert.equal(contents, files.map(([, content]) => content).join(""));
  });

  test("the guest's root can give files away, and another user cannot read them", async () => {
    const script =
      "echo secret > /f && chown 1234:5678 /f && chmod 600 /f && stat -c '%u:%g %a' /f; su app -c 'cat /f'";
    const run = await mocker.run(["run", "--rm", image, "sh", "-c", script]);
    assert.equal(run.stdout.toString(), "1234:5678 600\n", run.stderr);
    assert.match(run.stderr, /Permission denied/);
  });

  test("a program that runs as another user owns what it was given of a volume, and writes nothing else", async () => {
    const volume = ["-v", "owned:/data", image, "sh", "-c"];
    const give =
      "mkdir /data/db && chown 999:999 /data/db && chmod 700 /data/db && stat -c '%u:%g %a' /data/db /data/app.txt";
    assert.equal(await mocker.ok(["run", "--rm", ...volume, give]), "999:999 700\n1000:1000 600\n");
    const use =
      "echo row > /data/db/rows && stat -c %u:%g /data/db/rows && cat /data/db/rows; touch /data/mine";
    const run = await mocker.run(["run", "--rm", "-u", "999:999", ...volume, use]);
    assert.equal(run.stdout.toString(), "999:999\nrow\n", run.stderr);
    assert.match(run.stderr, /\/data\/mine: Permission denied/);
    // The user alone could not remove what is another's.
    assert.equal(await mocker.ok(["volume", "rm", "owned"]), "owned\n");
    assert.deepEqual(readdirSync(join(mocker.dataDir, "volumes")), []);
  });
});
