import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { main } from "../../../../engine/cli/program.ts";
import {
  engineDoctor,
  engineInfo,
  execResize,
  FrameType,
  imageRemove,
  MockerError,
  vmExec,
  vmInspect,
  vmKill,
  vmLogs,
  vmRemove,
  vmRestart,
  vmStart,
  vmStop,
  vmWait,
} from "../../../../engine/protocol/index.ts";
import { vmDetails, vmId } from "../fixtures.ts";
import { Setup } from "../harness.ts";

const noSuchVm = (vm: string): MockerError =>
  new MockerError("VM_NOT_FOUND", `No such container: ${vm}`, { hint: "mocker ps -a lists all" });

describe("verbs", () => {
  let setup: Setup;
  beforeEach(async () => {
    setup = await Setup.create();
  });
  afterEach(() => setup.close());

  test("several targets: the good ones are printed, the others are errors", async () => {
    setup.engine.handle(vmStop, ({ vm }) => {
      if (vm === "b") throw noSuchVm(vm);
      return { id: vmId, exitCode: 0 };
    });
    assert.deepEqual(await setup.run(["stop", "-t", "3", "-s", "INT", "a", "b", "c"]), {
      code: 1,
      stdout: "a\nc\n",
      stderr: "mocker: No such container: b\nhint: mocker ps -a lists all\n",
    });
    assert.deepEqual(setup.engine.paramsOf("vm/stop"), { vm: "a", signal: "INT", timeoutSeconds: 3 });
  });

  test("Docker's older name of a stop's time is taken, and the new one named", async () => {
    setup.engine.handle(vmStop, () => ({ id: vmId, exitCode: 0 }));
    assert.deepEqual(await setup.run(["stop", "--time", "1", "a"]), {
      code: 0,
      stdout: "a\n",
      stderr: "Flag --time has been deprecated, use --timeout instead\n",
    });
    assert.deepEqual(setup.engine.paramsOf("vm/stop"), { vm: "a", timeoutSeconds: 1 });
  });

  test("start", async () => {
    setup.engine.handle(vmInspect, ({ vm }) => {
      if (vm === "b") throw noSuchVm(vm);
      return vmDetails();
    });
    setup.engine.handle(vmStart, () => ({ id: vmId }));
    assert.deepEqual(await setup.run(["start", "a", "b"]), {
      code: 1,
      stdout: "a\n",
      stderr:
        "mocker: No such container: b\nhint: mocker ps -a lists all\nError: failed to start containers: b\n",
    });
  });

  test("start and restart give the secrets that the environment has, and only those", async () => {
    const secretEnv = [{ name: "TOKEN" }, { name: "GONE" }, { name: "KEY", file: "/key" }];
    setup.engine
      .handle(vmInspect, () => vmDetails({ state: "exited" }, { secretEnv }))
      .handle(vmRestart, () => ({ id: vmId }))
      .handle(vmStart, () => ({ id: vmId }));
    for (const [verb, more] of [
      ["start", {}],
      ["restart", { timeoutSeconds: 3, signal: "HUP" }],
    ] as const) {
      const flags = verb === "restart" ? ["-t", "3", "-s", "HUP"] : [];
      setup.engine.calls.length = 0;
      const env = { TOKEN: "s3cret", KEY: "not this", OTHER: "x" };
      assert.deepEqual(await setup.run([verb, ...flags, "a"], env), { code: 0, stdout: "a\n", stderr: "" });
      const secretValues = { TOKEN: "s3cret" };
      assert.deepEqual(setup.engine.paramsOf(`vm/${verb}`), { vm: vmId, secretValues, ...more });
    }
    setup.engine.handle(vmStart, () => {
      throw new MockerError("SECRET_MISSING", "cannot start container a: its secret GONE has no value", {
        hint: "set it",
      });
    });
    assert.deepEqual(await setup.run(["start", "a"]), {
      code: 1,
      stdout: "",
      stderr:
        "mocker: cannot start container a: its secret GONE has no value\nhint: set it\n" +
        "Error: failed to start containers: a\n",
    });
  });

  test("exec says which secrets its process lacks", async () => {
    setup.engine.handle(vmExec, () => ({
      execId: "e1",
      stream: setup.engine.stream((peer) => peer.exit(0)),
      missingSecrets: ["TOKEN"],
    }));
    const { code, stderr } = await setup.run(["exec", "web", "env"]);
    assert.equal(code, 0);
    assert.match(stderr, /^WARNING: this process has no TOKEN: .*-e TOKEN\)\n$/);
  });

  test("rm, and rm -f of what is not there", async () => {
    setup.engine.handle(vmRemove, ({ vm }) => {
      if (vm === "b") throw noSuchVm(vm);
      return { id: vmId };
    });
    assert.equal((await setup.run(["rm", "b"])).code, 1);
    assert.equal((await setup.run(["rm", "-f", "b"])).code, 0);
    assert.deepEqual(await setup.run(["rm", "-fv", "a"]), { code: 0, stdout: "a\n", stderr: "" });
    assert.deepEqual(setup.engine.calls.at(-1)?.params, { vm: "a", force: true, volumes: true });
  });

  test("kill, wait", async () => {
    setup.engine
      .handle(vmKill, () => ({ id: vmId }))
      .handle(vmWait, ({ vm }) => ({ exitCode: vm === "a" ? 3 : 0 }));
    assert.equal((await setup.run(["kill", "-s", "USR1", "a"])).stdout, "a\n");
    assert.deepEqual(setup.engine.paramsOf("vm/kill"), { vm: "a", signal: "USR1" });
    assert.deepEqual(await setup.run(["wait", "a", "b"]), { code: 0, stdout: "3\n0\n", stderr: "" });
  });

  test("rmi", async () => {
    setup.engine.handle(imageRemove, ({ image }) => {
      if (image === "gone") throw new MockerError("IMAGE_NOT_FOUND", "No such image: gone:latest");
      return { untagged: ["alpine:latest"], deleted: ["sha256:abc"] };
    });
    assert.deepEqual(await setup.run(["rmi", "gone", "alpine"]), {
      code: 1,
      stdout: "Untagged: alpine:latest\nDeleted: sha256:abc\n",
      stderr: "mocker: No such image: gone:latest\n",
    });
    assert.equal((await setup.run(["image", "rm", "-f", "gone"])).code, 0);
  });

  test("logs", async () => {
    setup.engine.handle(vmLogs, () => ({
      stream: setup.engine.stream((peer) => {
        peer.send(FrameType.stdout, "one\n");
        peer.send(FrameType.stderr, "two\n");
        peer.socket.end();
      }),
      tty: false,
      warnings: ["the oldest 12MB of the log are gone"],
    }));
    assert.deepEqual(
      await setup.run(["logs", "-ft", "--tail", "5", "--since", "10m", "--until=2024-01-01", "web"]),
      {
        code: 0,
        stdout: "one\n",
        stderr: "WARNING: the oldest 12MB of the log are gone\ntwo\n",
      },
    );
    await setup.run(["logs", "-n", "all", "web"]);
    assert.deepEqual(
      setup.engine.calls.map((call) => call.params),
      [
        { vm: "web", follow: true, timestamps: true, tail: 5, since: "10m", until: "2024-01-01" },
        { vm: "web", follow: false, timestamps: false },
      ],
    );
  });

  test("logs -f ends by itself at a Ctrl-C, so that a shell goes on with what follows", async () => {
    setup.engine.handle(vmLogs, () => ({
      stream: setup.engine.stream((peer) => peer.send(FrameType.stdout, "one\n")),
      tty: false,
      warnings: [],
    }));
    const io = setup.io();
    const code = main(["logs", "-f", "web"], io);
    while (!io.output().includes("one") || !io.listens("SIGINT"))
      await new Promise((resolve) => setTimeout(resolve, 2));
    io.signal("SIGINT");
    assert.equal(await code, 130);
    assert.equal(io.listens("SIGINT"), false);
  });

  test("exec", async () => {
    setup.engine.handle(vmExec, ({ command, detach, user }) => {
      if (user === "nosuch")
        throw new MockerError(
          "INVALID_ARGUMENT",
          "unable to find user nosuch: no matching entries in passwd file",
        );
      if (command[0] === "nope")
        throw new MockerError("COMMAND_NOT_FOUND", 'exec: "nope": executable file not found');
      if (detach === true) return { execId: "e1" };
      return { execId: "e1", stream: setup.engine.stream((peer) => peer.exit(42)) };
    });
    assert.equal(
      (await setup.run(["exec", "-e", "A=1", "-w", "/srv", "-u", "me", "web", "ls", "-l"])).code,
      42,
    );
    assert.deepEqual(setup.engine.paramsOf("vm/exec"), {
      vm: "web",
      command: ["ls", "-l"],
      tty: false,
      openStdin: false,
      detach: false,
      env: ["A=1"],
      workingDir: "/srv",
      user: "me",
    });
    assert.deepEqual(await setup.run(["exec", "-d", "web", "true"]), { code: 0, stdout: "", stderr: "" });
    assert.deepEqual(await setup.run(["exec", "web", "nope"]), {
      code: 127,
      stdout: "",
      stderr: 'mocker: exec: "nope": executable file not found\n',
    });
    assert.equal((await setup.run(["exec", "-u", "nosuch", "web", "true"])).code, 1);
    assert.deepEqual(await setup.run(["exec", "-it", "web", "sh"]), {
      code: 1,
      stdout: "",
      stderr: "the input device is not a TTY\n",
    });
  });

  test("exec on a terminal tells its size, and can be left", async () => {
    setup.engine
      .handle(vmExec, () => ({ execId: "e1", stream: setup.engine.stream(() => undefined) }))
      .handle(execResize, () => null);
    const io = setup.io({ terminal: { rows: 10, columns: 20 } });
    const code = main(["exec", "-it", "web", "sh"], io);
    while (!setup.engine.methods().includes("vm/execResize"))
      await new Promise((resolve) => setTimeout(resolve, 2));
    assert.deepEqual(setup.engine.paramsOf("vm/execResize"), {
      vm: "web",
      execId: "e1",
      rows: 10,
      columns: 20,
    });
    io.stdin.write("\u0010\u0011");
    assert.equal(await code, 1);
    assert.equal(io.errors(), "read escape sequence\n");
    assert.deepEqual(io.rawModes, [true, false]);
  });

  test("a stream's error is an error", async () => {
    setup.engine.handle(vmExec, () => ({
      execId: "e1",
      stream: setup.engine.stream((peer) =>
        peer.error("AGENT_UNREACHABLE", "the guest is silent", "try again"),
      ),
    }));
    assert.deepEqual(await setup.run(["exec", "web", "true"]), {
      code: 1,
      stdout: "",
      stderr: "mocker: the guest is silent\nhint: try again\n",
    });
  });

  const info = {
    version: "9.9.9",
    protocolVersion: 1,
    enginePid: 42,
    runtime: "simulation" as const,
    simulationReason: "there is no /dev/kvm",
    libkrunVersion: null,
    libkrunPath: null,
    guestKernelVersion: null,
    dataDir: "/d",
    socketPath: "/s",
    dockerSocket: "/docker.sock",
    vms: { total: 3, running: 2, paused: 1, weaklyJailed: 1 },
    images: 2,
    nodeVersion: "v20.0.0",
    hostKernelVersion: "6.1.0",
    architecture: "x64",
    cpus: 4,
    memoryMiB: 2048,
    uptimeSeconds: 90,
    engineRssMiB: 50,
  };

  test("info and version", async () => {
    setup.engine.handle0(engineInfo, () => info);
    const text = await setup.run(["info"]);
    assert.equal(text.code, 0);
    assert.match(
      text.stdout,
      /^ VMs: 3\n {2}Running: 2\n {2}Paused: 1\n {2}Stopped: 1\n {2}Weakly Jailed: 1\n Images: 2$/m,
    );
    assert.match(text.stdout, /^ Runtime: simulation \(there is no \/dev\/kvm\)$/m);
    assert.match(text.stdout, /^ Total Memory: 2GiB$/m);
    const told = JSON.parse((await setup.run(["info", "--format", "json"])).stdout);
    assert.deepEqual({ ...told, ...info }, told);
    const docker =
      "{{.ServerVersion}} {{.OSType}} {{.NCPU}} {{.MemTotal}} {{.Containers}} {{.Swarm.LocalNodeState}}";
    assert.equal((await setup.run(["info", "-f", docker])).stdout, "9.9.9 linux 4 2147483648 3 inactive\n");
    assert.equal((await setup.run(["info", "-f", "{{.enginePid}} {{.vms.running}}"])).stdout, "42 2\n");
    const states = "{{.ContainersRunning}} {{.ContainersPaused}} {{.ContainersStopped}}";
    assert.equal((await setup.run(["info", "-f", states])).stdout, "1 1 1\n");
    const context = ["info", "-f", "{{.ClientInfo.Context}}"];
    assert.equal((await setup.run(context)).stdout, "default\n");
    const host = `host=unix://${setup.dir}/engine.sock`;
    await setup.run(["context", "create", "near", "--docker", host]);
    await setup.run(["context", "use", "near"]);
    assert.equal((await setup.run(context)).stdout, "near\n");
    const versions =
      "{{.Server.Version}} {{.Server.APIVersion}} {{.Client.ApiVersion}} {{len .Server.Components}}";
    assert.equal((await setup.run(["version", "-f", versions])).stdout, "9.9.9 1.45 1.45 1\n");
    assert.match(
      (await setup.run(["version"])).stdout,
      /^Client:\n Version: {11}\d.*\nEngine:\n Version: {11}9\.9\.9\n/s,
    );
  });

  test("doctor", async () => {
    const checks = [
      { name: "kvm", status: "ok" as const, detail: "usable" },
      { name: "libkrun", status: "warning" as const, detail: "old", hint: "update it" },
    ];
    setup.engine.handle0(engineDoctor, () => ({ checks, summary: "VMs can run." }));
    assert.deepEqual(await setup.run(["doctor"]), {
      code: 0,
      stdout: "✓ kvm      usable\n! libkrun  old\n           hint: update it\n\nVMs can run.\n",
      stderr: "",
    });
    setup.engine.handle0(engineDoctor, () => ({
      checks: [{ name: "kvm", status: "failed", detail: "none" }],
      summary: "No VM can run.",
    }));
    const colored = setup.io({ terminal: { rows: 24, columns: 80 } });
    assert.equal(await main(["doctor"], colored), 1);
    assert.equal(colored.output(), "\u001b[31m✗\u001b[0m kvm  none\n\nNo VM can run.\n");
    const plain = setup.io({ terminal: { rows: 24, columns: 80 }, env: { NO_COLOR: "1" } });
    await main(["doctor"], plain);
    assert.equal(plain.output(), "✗ kvm  none\n\nNo VM can run.\n");
  });
});
