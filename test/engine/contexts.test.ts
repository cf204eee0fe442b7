/**
 * An engine of another home, which ssh starts: a program of that name runs commands here as that home does.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { Mocker } from "../support/mocker.ts";

test("another machine's engine is started by ssh, and used as one's own", async () => {
  const [here, there] = [new Mocker(), new Mocker()];
  after(() => Promise.all([here.close(), there.close()]));
  const bin = join(here.dir, "bin");
  mkdirSync(bin);
  const assignments = Object.entries(there.environment()).map(([name, value]) => `'${name}=${value}'`);
  const ssh = `#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift 3\nexec env -i ${assignments.join(" ")} ${there.commandLine([])} "$@"\n`;
  writeFileSync(join(bin, "ssh"), ssh, { mode: 0o755 });
  const env = { PATH: `${bin}${delimiter}${process.env.PATH}` };
  const ok = (...args: string[]): Promise<string> => here.ok(args, { env });

  await ok("context", "create", "box", "--docker", "host=ssh://box");
  await ok("context", "use", "box");
  assert.match(await ok("run", "--name", "greeting", "hello"), /./);
  assert.match(await ok("ps", "-a", "--format", "{{.Names}}"), /^greeting$/m);
  assert.match(await there.ok(["ps", "-a", "--format", "{{.Names}}"]), /^greeting$/m);
  assert.equal(existsSync(join(here.runDir, "engine.sock")), false);

  const archive = join(here.dir, "hello.tar");
  await ok("save", "-o", archive, "hello");
  writeFileSync(join(here.dir, "file"), "sent");
  await ok("cp", join(here.dir, "file"), "greeting:/file");
  await ok("cp", "greeting:/file", join(here.dir, "back"));
  await ok("rm", "greeting");
  assert.match(await ok("load", "-i", archive), /^Loaded image: hello/);
  assert.doesNotMatch(await ok("-c", "default", "ps", "-aq"), /./);
});
