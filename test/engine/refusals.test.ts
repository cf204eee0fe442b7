import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { after, describe, test } from "node:test";
import { kvmStatus } from "../../native/index.ts";
import { Mocker } from "../support/mocker.ts";

const kvm = kvmStatus();

describe("without any image, registry or network", () => {
  const mocker = new Mocker();
  after(() => mocker.close());

  test("the built-in image greets and says what it ran in", async () => {
    const run = await mocker.run(["run", "--rm", "hello"]);
    assert.equal(run.code, 0, run.stderr);
    const { runtime } = JSON.parse(await mocker.ok(["info", "--format", "json"]));
    assert.match(run.stdout.toString(), /Hello from Mocker!/);
    assert.match(run.stdout.toString(), new RegExp(`runtime +${runtime}`));
    if (runtime === "simulation") assert.match(run.stderr, /simulation, not a VM and not isolated/);
  });

  test("--runtime krun fails closed, with the reason and what to do", {
    skip: kvm.usable ? "this machine has a usable KVM" : false,
  }, async () => {
    const run = await mocker.run(["run", "--rm", "--runtime", "krun", "hello"]);
    assert.equal(run.code, 125);
    assert.equal(run.stdout.toString(), "");
    assert.ok(run.stderr.includes(kvm.reason ?? "no reason"), run.stderr);
    assert.match(run.stderr, /hint: /);
    assert.equal(await mocker.ok(["ps", "-aq"]), "");
  });

  test("doctor tells why, and fails when no VM can run", {
    skip: kvm.usable ? "this machine has a usable KVM" : false,
  }, async () => {
    const run = await mocker.run(["doctor"]);
    assert.equal(run.code, 1);
    assert.ok(run.stdout.toString().includes(kvm.reason ?? "no reason"));
  });

  for (const [what, args, code, message] of [
    ["an unknown VM", ["inspect", "nobody"], 1, /No such object: nobody/],
    ["an unknown image", ["run", "--pull", "never", "no-such-image"], 125, /No such image: no-such-image/],
    ["an invalid reference", ["run", "image/UPPER"], 125, /must be lowercase/],
    ["a registry that does not answer", ["pull", "127.0.0.1:1/image"], 1, /127\.0\.0\.1:1/],
    ["an unknown signal", ["kill", "-s", "NOPE", "nobody"], 1, /nobody|NOPE/],
    ["an unknown filter", ["ps", "--filter", "colour=red"], 1, /invalid filter 'colour'/],
    ["a relative working directory", ["run", "-w", "srv", "hello"], 125, /'srv' is invalid/],
    [
      "an archive that is not there",
      ["pull", "docker-archive:/no/such/file.tar"],
      1,
      /\/no\/such\/file\.tar/,
    ],
  ] as [string, string[], number, RegExp][]) {
    test(`${what} is refused by name, without a stack trace`, async () => {
      const run = await mocker.run(args);
      assert.equal(run.code, code, run.stderr);
      assert.match(run.stderr, message);
      assert.doesNotMatch(run.stderr, /\n\s+at /);
    });
  }
});

describe("the engine process", () => {
  test("ends by itself when idle, and not while a VM runs", async () => {
    const mocker = new Mocker({ env: { MOCKER_IDLE_SECONDS: "1" } });
    try {
      await mocker.ok(["create", "--name", "idle", "hello"]);
      await mocker.waitForProcessEnd(await mocker.enginePid());
      assert.match(await mocker.ok(["ps", "-a"]), /idle/);
    } finally {
      await mocker.close();
    }
  });

  test("a second engine does not touch the first one's store", async () => {
    const mocker = new Mocker();
    try {
      const pid = await mocker.enginePid();
      const second = await mocker.run(["info", "--format", "json"], {
        env: { MOCKER_RUN_DIR: `${mocker.dir}/other` },
      });
      assert.notEqual(second.code, 0);
      assert.match(second.stderr, /engine/);
      assert.equal(await mocker.enginePid(), pid);
    } finally {
      await mocker.close();
    }
  });

  test("its socket and data are for this user alone", async () => {
    const mocker = new Mocker();
    try {
      await mocker.ok(["create", "--name", "private", "-e", "SECRET=x", "hello"]);
      const id = JSON.parse(await mocker.ok(["inspect", "private"]))[0].Id;
      for (const [path, mode] of [
        [mocker.runDir, 0o700],
        [`${mocker.runDir}/engine.sock`, 0o600],
        [mocker.dataDir, 0o700],
        [`${mocker.dataDir}/state/${id}/config.json`, 0o600],
      ] as [string, number][]) {
        assert.equal(statSync(path).mode & 0o777, mode, path);
      }
    } finally {
      await mocker.close();
    }
  });
});
