import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { vmObject } from "../../../../engine/docker/inspect-object.ts";
import type { MockerError } from "../../../../engine/protocol/errors.ts";
import { FakeVms } from "./fake-vms.ts";

const value = "hunter2-and-more";
const fromFile = "from-a-file-only";

/** Every file below a directory, with what is in it. */
function contents(dir: string): [path: string, text: string][] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, readFileSync(path, "latin1")];
    });
}

/** That a value is in no file of the engine's, in no answer and in no event. */
async function assertNowhere(vms: FakeVms, values: readonly string[]): Promise<void> {
  const details = vms.manager.inspect({ vm: "box" });
  const answers = [details, await vms.manager.list({ all: true }), vms.events.between(), vms.changes];
  const said = inspect([answers, vmObject(details)], { depth: null, maxArrayLength: null });
  assert.ok(said.includes("TOKEN"), "its name is shown");
  for (const secret of values) {
    assert.ok(!said.includes(secret), said);
    for (const [path, text] of [...contents(vms.dir), ...contents(vms.state.path)])
      assert.ok(!text.includes(secret), path);
  }
}

async function envOf(vms: FakeVms, method: "start" | "exec"): Promise<string[]> {
  const { env } = await vms.launcher.last.request(method);
  assert.ok(Array.isArray(env));
  return env.map(String);
}

test("a secret reaches the main process and execs, and nothing that is written or answered", async () => {
  const vms = new FakeVms();
  const file = join(vms.dir, "..", "password");
  mkdirSync(join(vms.dir, ".."), { recursive: true });
  writeFileSync(file, `${fromFile}\n`);
  try {
    await vms.run({
      env: ["TOKEN=public", "A=1"],
      secretEnv: [{ name: "TOKEN" }, { name: "PASSWORD", file }],
      secretValues: { TOKEN: value },
    });
    const main = await envOf(vms, "start");
    assert.deepEqual(
      main.filter((variable) => /^(TOKEN|PASSWORD|A)=/.test(variable)),
      ["A=1", `TOKEN=${value}`, `PASSWORD=${fromFile}`],
    );
    const started = await vms.manager.exec({ vm: "box", command: ["env"], detach: true });
    assert.equal(started.missingSecrets, undefined);
    const exec = await envOf(vms, "exec");
    assert.ok(exec.includes(`TOKEN=${value}`) && exec.includes(`PASSWORD=${fromFile}`));
    await vms.manager.stop({ vm: "box" });
    await assertNowhere(vms, [value, fromFile]);
    const { config } = vms.manager.inspect({ vm: "box" });
    assert.deepEqual(config.secretEnv, [{ name: "TOKEN" }, { name: "PASSWORD", file }]);
    const { Config } = vmObject(vms.manager.inspect({ vm: "box" })) as { Config: { Env: string[] } };
    assert.deepEqual(Config.Env.slice(-2), ["TOKEN=<secret>", "PASSWORD=<secret>"]);
    assert.ok(!Config.Env.includes("TOKEN=public"), "a secret takes the place of another variable");
  } finally {
    rmSync(file);
  }
});

test("a later start has what the engine remembers, or what the client gives; a file is read anew", async () => {
  const vms = new FakeVms();
  const file = join(vms.dir, "password");
  writeFileSync(file, "old");
  await vms.run({
    secretEnv: [{ name: "TOKEN" }, { name: "PASSWORD", file }],
    secretValues: { TOKEN: "first" },
  });
  await vms.manager.stop({ vm: "box" });
  writeFileSync(file, "new\r\n");
  await vms.manager.start({ vm: "box" });
  assert.deepEqual((await envOf(vms, "start")).slice(-2), ["TOKEN=first", "PASSWORD=new"]);
  await vms.manager.stop({ vm: "box" });
  await vms.manager.start({ vm: "box", secretValues: { TOKEN: "second" } });
  assert.deepEqual((await envOf(vms, "start")).slice(-2), ["TOKEN=second", "PASSWORD=new"]);
});

test("the next engine asks for what it does not know, and an exec is told what it lacks", async () => {
  const vms = new FakeVms();
  const secretEnv = [{ name: "TOKEN" }, { name: "KEY" }];
  const { monitor } = await vms.run({ secretEnv, secretValues: { TOKEN: value, KEY: "k" } });
  monitor.writeRuntime();
  monitor.main = "running";
  const next = new FakeVms(vms);
  await next.recover();
  const exec = await next.manager.exec({ vm: "box", command: ["env"], env: ["KEY=k"], detach: true });
  assert.deepEqual(exec.missingSecrets, ["TOKEN"]);
  await next.manager.stop({ vm: "box" });
  const known = next.launcher.monitors.length;
  await assert.rejects(next.manager.start({ vm: "box" }), (error: MockerError) => {
    assert.equal(error.code, "SECRET_MISSING");
    assert.equal(error.message, "cannot start container box: its secrets TOKEN, KEY have no value");
    assert.match(error.hint ?? "", /export TOKEN/);
    assert.deepEqual(error.details, { names: ["TOKEN", "KEY"] });
    return true;
  });
  assert.equal(next.launcher.monitors.length, known, "nothing was launched");
  await next.manager.start({ vm: "box", secretValues: { TOKEN: value, KEY: "k" } });
  assert.deepEqual((await envOf(next, "start")).slice(-2), [`TOKEN=${value}`, "KEY=k"]);
  await assertNowhere(next, [value]);
});

test("a file that cannot be read keeps the VM from starting, and says why", async () => {
  const vms = new FakeVms();
  const file = join(vms.dir, "password");
  await vms.create({ secretEnv: [{ name: "PASSWORD", file }] });
  const message = (reason: string) => `secret PASSWORD cannot be read from ${file}: ${reason}`;
  const refused = (reason: string) =>
    assert.rejects(vms.manager.start({ vm: "box" }), { code: "SECRET_MISSING", message: message(reason) });
  await refused("no such file or directory");
  mkdirSync(file);
  await refused("not a regular file");
  rmSync(file, { recursive: true });
  writeFileSync(file, Buffer.from([0xff]));
  await refused("not UTF-8");
  writeFileSync(file, Buffer.alloc(128 * 1024 + 1, "a"));
  await refused("longer than 131072 bytes");
});

test("what cannot be a secret is refused without naming a value", async () => {
  const vms = new FakeVms();
  const refusal = async (params: Parameters<FakeVms["create"]>[0]): Promise<string> => {
    let message = "";
    await assert.rejects(vms.create(params), (error: MockerError) => {
      message = `${error.message} ${error.hint ?? ""}`;
      return error.code === "INVALID_ARGUMENT";
    });
    assert.ok(!message.includes("hunter2"), message);
    return message;
  };
  const secretEnv = [{ name: "TOKEN" }];
  assert.match(await refusal({ secretEnv: [{ name: "TOKEN=hunter2" }] }), /invalid name of a secret/);
  assert.match(await refusal({ secretEnv: [{ name: "A", file: "b" }] }), /absolute path/);
  assert.match(await refusal({ secretEnv, secretValues: { TOKEN: "hunter2\0" } }), /TOKEN holds a NUL byte/);
  assert.match(
    await refusal({ secretEnv, secretValues: { OTHER: "hunter2" } }),
    /no value of a secret OTHER/,
  );
  const long = "hunter2".repeat(20_000);
  assert.match(
    await refusal({ secretEnv, secretValues: { TOKEN: long } }),
    /TOKEN is longer than Linux allows/,
  );
  assert.equal(vms.manager.counts().total, 0);
  assert.deepEqual(readdirSync(vms.state.path), [], "a VM that was refused leaves no directory");
});
