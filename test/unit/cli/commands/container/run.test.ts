import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { main } from "../../../../../engine/cli/program.ts";
import {
  FrameType,
  imagePull,
  MockerError,
  type VmCreateParams,
  type VmCreateResult,
  type VmWaitResult,
  vmAttach,
  vmCreate,
  vmInspect,
  vmKill,
  vmRemove,
  vmResize,
  vmStart,
  vmWait,
} from "../../../../../engine/protocol/index.ts";
import type { StreamPeer } from "../../../client/fake-engine.ts";
import { vmDetails, vmId } from "../../fixtures.ts";
import { Setup, type TestIo } from "../../harness.ts";

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Waits for something that another part of the test brings about. */
async function until(test: () => boolean): Promise<void> {
  while (!test()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const created: VmCreateResult = { id: vmId, name: "n", runtime: "krun", warnings: [] };

describe("run", () => {
  let setup: Setup;
  let exit: ReturnType<typeof deferred<VmWaitResult>>;
  let started: ReturnType<typeof deferred<StreamPeer>>;
  /** The process in the VM. */
  let workload: (peer: StreamPeer) => void | Promise<void>;

  beforeEach(async () => {
    setup = await Setup.create();
    exit = deferred();
    started = deferred();
    const attached = deferred<StreamPeer>();
    workload = (peer) => peer.exit(0);
    setup.engine
      .handle(vmCreate, () => created)
      .handle(vmAttach, () => ({ stream: setup.engine.stream(attached.resolve), tty: false }))
      .handle(vmWait, () => exit.promise)
      .handle(vmStart, async () => {
        const peer = await attached.promise;
        started.resolve(peer);
        setImmediate(() => void workload(peer));
        return { id: vmId };
      })
      .handle(vmKill, () => ({ id: vmId }))
      .handle(vmResize, () => null)
      .handle(vmRemove, () => ({ id: vmId }));
  });
  afterEach(() => setup.close());

  const kills = (): unknown[] =>
    setup.engine.calls.flatMap(({ method, params }) => (method === "vm/kill" ? [params] : []));

  function end(peer: StreamPeer, exitCode: number): void {
    peer.exit(exitCode);
    exit.resolve({ exitCode });
  }

  test("attaches and waits before it starts, and exits with the workload's status", async () => {
    workload = (peer) => {
      peer.send(FrameType.stdout, "out\n");
      peer.send(FrameType.stderr, "err\n");
      end(peer, 7);
    };
    const result = await setup.run(["run", "alpine", "sh", "-c", "exit 7"]);
    assert.deepEqual(result, { code: 7, stdout: "out\n", stderr: "err\n" });
    assert.deepEqual(setup.engine.methods(), ["vm/create", "vm/attach", "vm/wait", "vm/start"]);
    assert.deepEqual(setup.engine.paramsOf("vm/create"), {
      image: "alpine",
      command: ["sh", "-c", "exit 7"],
      tty: false,
      openStdin: false,
      autoRemove: false,
    });
    assert.deepEqual(setup.engine.paramsOf("vm/attach"), { vm: vmId, stdin: false });
    assert.deepEqual(setup.engine.paramsOf("vm/wait"), { vm: vmId, condition: "next-exit" });
  });

  test("an image that is there for another platform alone is pulled for the one that is asked for", async () => {
    let pulled = false;
    setup.engine
      .handle(vmCreate, () => {
        if (pulled) return created;
        throw new MockerError("NO_MATCHING_PLATFORM", "alpine is there for linux/amd64 only");
      })
      .handle(imagePull, () => {
        pulled = true;
        return {
          id: "sha256:1",
          digest: "sha256:2",
          reference: "docker.io/library/alpine:latest",
          upToDate: false,
        };
      });
    const argv = ["create", "-q", "--platform", "linux/arm64", "alpine"];
    assert.deepEqual(await setup.run(argv), { code: 0, stdout: `${vmId}\n`, stderr: "" });
    const asked = setup.engine.paramsOf("vm/create");
    assert.ok(typeof asked === "object" && asked !== null && "platform" in asked);
    assert.equal(asked.platform, "linux/arm64");
    assert.deepEqual(setup.engine.paramsOf("image/pull"), { reference: "alpine", platform: "linux/arm64" });
  });

  test("what is no reference is said, and not that it was looked for", async () => {
    setup.engine
      .handle(vmCreate, () => {
        throw new MockerError("IMAGE_NOT_FOUND", "No such image: busybox:LATEST!!");
      })
      .handle(imagePull, () => {
        throw new MockerError("INVALID_REFERENCE", "invalid reference format");
      });
    const { code, stderr } = await setup.run(["run", "busybox:LATEST!!"]);
    assert.equal(code, 125);
    assert.match(stderr, /^mocker: invalid reference format/);
  });

  test("all flags of a VM reach the engine", async () => {
    workload = (peer) => end(peer, 0);
    const envFile = join(setup.dir, "env");
    const labelFile = join(setup.dir, "labels");
    writeFileSync(envFile, "\ufeff# comment\n\nFILE=1=2 \r\nHOST\nMISSING\n  SPACED=x\n");
    writeFileSync(labelFile, "from=file\nbare\n");
    const argv: string[] = [
      "run",
      "--rm",
      "--name=web",
      ...["-e", "A=1", "-eHOST", "--env", "GONE", "-e", "EMPTY=", "--env-file", envFile],
      ...["-v", "./data:/data:ro", "-v", "/abs:/abs/", "--mount", "type=bind,src=/m,dst=/n,readonly"],
      ...["-w", "/srv", "-u", "1000:1000", "--entrypoint", "/bin/tool", "-h", "box"],
      ...["--cpus", "2", "-m", "1.5g", "--runtime", "simulation", "--network", "none"],
      ...["-l", "a=b", "-l", "c", "--label-file", labelFile, "--stop-signal", "INT", "--stop-timeout", "5"],
      ...["--security-opt", "jail=weak"],
      ...["--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt=max-file=3"],
      "alpine:3",
      "--rm",
      "-x",
    ];
    const { code, stderr } = await setup.run(argv, { HOST: "here" });
    assert.equal(stderr, "");
    assert.equal(code, 0);
    assert.deepEqual(setup.engine.paramsOf("vm/create"), {
      image: "alpine:3",
      command: ["--rm", "-x"],
      name: "web",
      tty: false,
      openStdin: false,
      autoRemove: true,
      entrypoint: ["/bin/tool"],
      env: ["FILE=1=2 ", "HOST=here", "SPACED=x", "A=1", "HOST=here", "GONE", "EMPTY="],
      workingDir: "/srv",
      user: "1000:1000",
      hostname: "box",
      mounts: [
        { type: "bind", source: join(setup.dir, "data"), target: "/data", readOnly: true },
        { type: "bind", source: "/abs", target: "/abs/", readOnly: false },
        { type: "bind", source: "/m", mustExist: true, target: "/n", readOnly: true },
      ],
      cpus: 2,
      memoryMiB: 1536,
      runtime: "simulation",
      network: { mode: "none" },
      labels: { from: "file", bare: "", a: "b", c: "" },
      securityOpt: ["jail=weak"],
      log: { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } },
      stopSignal: "INT",
      stopTimeoutSeconds: 5,
    });
    assert.deepEqual(setup.engine.paramsOf("vm/wait"), { vm: vmId, condition: "removed" });
  });

  test("secrets come from the environment or from files, and their values go beside their names", async () => {
    workload = (peer) => end(peer, 0);
    const flags = ["--secret-env", "TOKEN", "--secret-env=KEY,src=keys/a,b"];
    assert.equal((await setup.run(["run", ...flags, "alpine"], { TOKEN: "s3cret", KEY: "no" })).code, 0);
    const { secretEnv, secretValues, env } = setup.engine.paramsOf("vm/create") as VmCreateParams;
    assert.deepEqual(secretEnv, [{ name: "TOKEN" }, { name: "KEY", file: join(setup.dir, "keys/a,b") }]);
    assert.deepEqual([secretValues, env], [{ TOKEN: "s3cret" }, undefined]);
    assert.deepEqual(setup.engine.paramsOf("vm/start"), { vm: vmId });
  });

  test("a secret without a value is refused before anything is made; create may be given it later", async () => {
    const missing = await setup.run(["run", "--secret-env", "TOKEN", "alpine"]);
    assert.equal(missing.code, 125);
    assert.equal(
      missing.stderr,
      "mocker: secret TOKEN has no value: the environment has no TOKEN\n" +
        "hint: Set it first (export TOKEN), or read it from a file: --secret-env TOKEN,src=FILE\n",
    );
    assert.deepEqual(setup.engine.methods(), []);
    assert.equal((await setup.run(["create", "--secret-env", "TOKEN", "alpine"])).code, 0);
  });

  test("a value on the command line is no secret, and is not said again", async () => {
    for (const text of ["TOKEN=hunter2", "TOKEN=hunter2,src=x", "TOKEN,file=hunter2", "=hunter2", ""]) {
      const { code, stderr } = await setup.run(["run", "--secret-env", text, "alpine"]);
      assert.equal(code, 125);
      assert.match(stderr, /^mocker: invalid secret '(TOKEN)?': .*src=FILE$/m);
      assert.ok(!stderr.includes("hunter2"), stderr);
    }
  });

  test("volumes of every kind", async () => {
    workload = (peer) => end(peer, 0);
    const flags = ["-v", "data:/d:nocopy", "-v", "/anonymous", "--volume-driver", "local"];
    const more = ["--tmpfs", "/run:size=1m,exec", "--volumes-from", "one", "--volumes-from=two:ro"];
    assert.equal((await setup.run(["run", ...flags, ...more, "alpine"])).code, 0);
    assert.deepEqual(setup.engine.paramsOf("vm/create"), {
      image: "alpine",
      tty: false,
      openStdin: false,
      autoRemove: false,
      mounts: [
        { type: "volume", name: "data", target: "/d", readOnly: false, noCopy: true, driver: "local" },
        { type: "volume", target: "/anonymous", readOnly: false, driver: "local" },
        { type: "tmpfs", options: ["size=1m", "exec"], target: "/run", readOnly: false },
      ],
      volumesFrom: ["one", "two:ro"],
    });
    const wrong = await setup.run(["run", "--volumes-from", "one:odd", "alpine"]);
    assert.equal(wrong.code, 125);
    assert.match(wrong.stderr, /^mocker: invalid mode: odd\n/);
  });

  test("volumes that cannot be", async () => {
    const cases: [string, RegExp][] = [
      ["/a:rel", /mount path must be absolute/],
      ["/a:/", /destination can't be '\/'/],
      ["/a:/b:zz", /invalid mode: zz/],
      ["/a:/b:ro:x", /too many colons/],
    ];
    for (const [volume, text] of cases) {
      const { code, stderr } = await setup.run(["run", "-v", volume, "alpine"]);
      assert.equal(code, 125);
      assert.match(stderr, text);
    }
    assert.deepEqual(setup.engine.calls, []);
  });

  test("-d prints the ID", async () => {
    setup.engine.handle(vmStart, () => ({ id: vmId }));
    const file = join(setup.dir, "cid");
    const result = await setup.run(["run", "-dit", "--cidfile", file, "alpine"]);
    assert.deepEqual(result, { code: 0, stdout: `${vmId}\n`, stderr: "" });
    assert.deepEqual(setup.engine.methods(), ["vm/create", "vm/start"]);
    assert.equal(readFileSync(file, "utf8"), vmId);
  });

  test("an image that is unpacked for its first VM shows how far on a terminal, after a second", async (t) => {
    t.mock.timers.enable({ apis: ["Date"] });
    setup.engine.handle(vmStart, ({ progressToken = "" }, { progress }) => {
      progress(progressToken, { currentBytes: 1000, totalBytes: 4000 });
      return { id: vmId };
    });
    const told = async (): Promise<string> => {
      const io = setup.io();
      Object.assign(io.stderr, { isTTY: true, columns: 80 });
      assert.equal(await main(["run", "-d", "alpine"], io), 0);
      return io.errors();
    };
    assert.equal(await told(), "");
    setup.engine.handle(vmStart, ({ progressToken = "" }, { progress }) => {
      t.mock.timers.tick(1500);
      progress(progressToken, { currentBytes: 1000, totalBytes: 4000 });
      return { id: vmId };
    });
    assert.equal(await told(), "\rExtracting 1kB/4kB\x1b[K\r\x1b[K");
  });

  test("an image that is not there is pulled, with its progress on stderr", async () => {
    let pulled = false;
    workload = (peer) => end(peer, 0);
    setup.engine
      .handle(vmCreate, () => {
        if (!pulled) throw new MockerError("IMAGE_NOT_FOUND", "No such image: alpine:latest");
        return { ...created, runtime: "simulation" as const, warnings: ["no VM can run here"] };
      })
      .handle(imagePull, ({ progressToken = "" }, { progress }) => {
        pulled = true;
        progress(progressToken, { layer: "aaaaaaaaaaaa", status: "pulling" });
        progress(progressToken, {
          layer: "aaaaaaaaaaaa",
          status: "downloading",
          currentBytes: 1,
          totalBytes: 2,
        });
        progress(progressToken, { layer: "aaaaaaaaaaaa", status: "complete" });
        return {
          id: "sha256:1",
          digest: "sha256:2",
          reference: "docker.io/library/alpine:latest",
          upToDate: false,
        };
      });
    const result = await setup.run(["run", "--platform", "linux/arm64", "alpine"]);
    assert.deepEqual(result, {
      code: 0,
      stdout: "",
      stderr: `Unable to find image 'alpine:latest' locally
latest: Pulling from library/alpine
aaaaaaaaaaaa: Pulling fs layer
aaaaaaaaaaaa: Pull complete
Digest: sha256:2
Status: Downloaded newer image for alpine:latest
WARNING: no VM can run here
`,
    });
    assert.deepEqual(setup.engine.methods().slice(0, 3), ["vm/create", "image/pull", "vm/create"]);
  });

  test("--pull never does not, and --pull always pulls first, -q silently", async () => {
    workload = (peer) => end(peer, 0);
    setup.engine.handle(imagePull, () => ({ id: "1", digest: "2", reference: "3", upToDate: true }));
    assert.deepEqual(await setup.run(["run", "--pull", "always", "-q", "alpine"]), {
      code: 0,
      stdout: "",
      stderr: "",
    });
    assert.deepEqual(setup.engine.methods().slice(0, 2), ["image/pull", "vm/create"]);
    setup.engine.calls.length = 0;
    setup.engine.handle(vmCreate, () => {
      throw new MockerError("IMAGE_NOT_FOUND", "No such image: alpine:latest", {
        hint: "mocker pull alpine",
      });
    });
    assert.deepEqual(await setup.run(["run", "--pull=never", "alpine"]), {
      code: 125,
      stdout: "",
      stderr:
        "mocker: No such image: alpine:latest\nhint: mocker pull alpine\n\nRun 'mocker run --help' for more information\n",
    });
    assert.deepEqual(setup.engine.methods(), ["vm/create"]);
  });

  const startErrors: [MockerError, number][] = [
    [new MockerError("COMMAND_NOT_FOUND", 'exec: "nope": executable file not found in $PATH'), 127],
    [new MockerError("COMMAND_NOT_EXECUTABLE", 'exec: "/etc": is a directory'), 126],
    [new MockerError("VM_FAILED", "the VM did not boot"), 125],
  ];
  for (const [error, code] of startErrors) {
    test(`a start that fails with ${error.code} exits ${code} and removes an --rm VM`, async () => {
      setup.engine.handle(vmStart, () => {
        throw error;
      });
      const result = await setup.run(["run", "--rm", "alpine", "nope"]);
      assert.deepEqual(result, {
        code,
        stdout: "",
        stderr: `mocker: ${error.message}\n\nRun 'mocker run --help' for more information\n`,
      });
      assert.deepEqual(setup.engine.paramsOf("vm/remove"), { vm: vmId, force: true });
    });
  }

  test("a VM that dies says why", async () => {
    workload = (peer) => {
      peer.socket.end();
      exit.resolve({ exitCode: 137, reason: "the VM's monitor was killed" });
    };
    assert.deepEqual(await setup.run(["run", "alpine"]), {
      code: 137,
      stdout: "",
      stderr: "mocker: the VM's monitor was killed\n",
    });
  });

  test("an engine that dies leaves the VM alone, and says so", async () => {
    // Once the answer to vm/start is out.
    workload = () => void setTimeout(() => setup.engine.close(), 20);
    const { code, stderr } = await setup.run(["run", "--name", "web", "alpine"]);
    assert.equal(code, 125);
    assert.equal(
      stderr,
      "mocker: lost the connection to the mocker engine\nhint: the VM is not affected; go on with: mocker attach web\n",
    );
  });

  test("-i carries stdin, binary and to its end", async () => {
    const io = setup.io();
    const sent = Buffer.from(Array.from({ length: 1024 * 1024 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
    workload = async (peer) => {
      await peer.until(() => peer.sawEndOfStdin());
      assert.ok(peer.stdin().equals(sent));
      for (let offset = 0; offset < sent.length; offset += 100_000) {
        peer.send(FrameType.stdout, sent.subarray(offset, offset + 100_000));
      }
      end(peer, 0);
    };
    io.stdin.end(sent);
    assert.equal(await main(["run", "-i", "alpine", "cat"], io), 0);
    assert.ok(io.stdoutBytes().equals(sent));
    assert.deepEqual(setup.engine.paramsOf("vm/attach"), { vm: vmId, stdin: true });
  });

  test("without -i stdin is left alone", async () => {
    const io = setup.io();
    workload = (peer) => end(peer, 0);
    io.stdin.end("for somebody else");
    assert.equal(await main(["run", "alpine"], io), 0);
    assert.equal(io.stdin.read()?.toString(), "for somebody else");
  });

  describe("on a terminal", () => {
    let io: TestIo;
    let code: Promise<number>;
    let peer: StreamPeer;
    const begin = async (...flags: string[]): Promise<void> => {
      workload = () => undefined;
      io = setup.io({ terminal: { rows: 24, columns: 100 } });
      code = main(["run", "-it", ...flags, "alpine"], io);
      peer = await started.promise;
      await until(() => setup.engine.methods().includes("vm/resize"));
    };

    test("it is raw while the process runs, and knows its size", async () => {
      await begin();
      assert.deepEqual(io.rawModes, [true]);
      assert.deepEqual(setup.engine.paramsOf("vm/start"), { vm: vmId, rows: 24, columns: 100 });
      io.resize({ rows: 50, columns: 120 });
      await until(() => setup.engine.methods().filter((method) => method === "vm/resize").length === 2);
      assert.deepEqual(setup.engine.calls.at(-1)?.params, { vm: vmId, rows: 50, columns: 120 });
      io.stdin.write("\u0003");
      await peer.until(() => peer.stdin().includes(3));
      end(peer, 130);
      assert.equal(await code, 130);
      assert.deepEqual(io.rawModes, [true, false]);
    });

    test("Ctrl-P Ctrl-Q leaves the VM running", async () => {
      await begin();
      io.stdin.write("ab\u0010c\u0010");
      io.stdin.write("\u0011");
      assert.equal(await code, 0);
      await peer.until(() => peer.stdin().toString() === "ab\u0010c");
      assert.deepEqual(io.rawModes, [true, false]);
      assert.equal(io.errors(), "");
      assert.ok(!setup.engine.methods().includes("vm/kill"));
    });

    test("other keys can be chosen", async () => {
      await begin("--detach-keys", "ctrl-x,d");
      io.stdin.write("\u0010\u0011\u0018d");
      assert.equal(await code, 0);
      await peer.until(() => peer.stdin().toString() === "\u0010\u0011");
    });

    test("a terminal that goes away hangs the process up, once, and the command with 129", async () => {
      await begin();
      io.signal("SIGHUP");
      io.stdin.end();
      assert.equal(await code, 129);
      assert.deepEqual(kills(), [{ vm: vmId, signal: "SIGHUP" }]);
      assert.deepEqual(io.rawModes, [true, false]);
      assert.equal(io.errors(), "");
    });

    test("its end alone hangs up, too, whichever side of it is seen first", async () => {
      await begin();
      io.stdin.end();
      assert.equal(await code, 129);
      assert.deepEqual(kills(), [{ vm: vmId, signal: "SIGHUP" }]);
      setup.engine.calls.length = 0;
      await begin();
      io.stdout.emit("error", Object.assign(new Error("write EIO"), { code: "EIO" }));
      assert.equal(await code, 129);
      assert.deepEqual(kills(), [{ vm: vmId, signal: "SIGHUP" }]);
    });

    test("--sig-proxy=false leaves the process alone then", async () => {
      await begin("--sig-proxy=false");
      io.signal("SIGHUP");
      assert.equal(await code, 129);
      assert.deepEqual(kills(), []);
      assert.deepEqual(io.rawModes, [true, false]);
    });

    test("attach leaves the process alone then", async () => {
      for (const flags of [[], ["--sig-proxy=false"]]) {
        for (const hangUp of [() => io.signal("SIGHUP"), () => io.stdin.end()]) {
          setup.engine.handle(vmInspect, () => vmDetails({}, { openStdin: true, tty: true }));
          const opened = deferred<StreamPeer>();
          setup.engine.handle(vmAttach, () => ({ stream: setup.engine.stream(opened.resolve), tty: true }));
          io = setup.io({ terminal: { rows: 24, columns: 100 } });
          code = main(["attach", ...flags, "web"], io);
          await opened.promise;
          await until(() => io.rawModes.length === 1);
          hangUp();
          assert.equal(await code, 129);
          assert.deepEqual(kills(), []);
          assert.deepEqual(io.rawModes, [true, false]);
        }
      }
    });

    test("attach can be left by keys of one's choice", async () => {
      setup.engine.handle(vmInspect, () => vmDetails({}, { openStdin: true, tty: true }));
      const opened = deferred<StreamPeer>();
      setup.engine.handle(vmAttach, () => ({ stream: setup.engine.stream(opened.resolve), tty: true }));
      io = setup.io({ terminal: { rows: 24, columns: 100 } });
      code = main(["attach", "--detach-keys", "ctrl-x,d", "web"], io);
      io.stdin.write("x\u0010\u0011\u0018d");
      assert.equal(await code, 1);
      assert.equal(io.errors(), "read escape sequence\n");
      peer = await opened.promise;
      await peer.until(() => peer.stdin().toString() === "x\u0010\u0011");
      assert.ok(!peer.sawEndOfStdin());
    });

    test("the terminal is restored when the start fails", async () => {
      setup.engine.handle(vmStart, () => {
        throw new MockerError("VM_FAILED", "no boot");
      });
      io = setup.io({ terminal: { rows: 24, columns: 80 } });
      assert.equal(await main(["run", "-it", "alpine"], io), 125);
      assert.deepEqual(io.rawModes, [true, false]);
    });
  });

  test("signals go to the process; those that come early, when it runs", async () => {
    const io = setup.io();
    io.stdin.end();
    const mayStart = deferred<void>();
    const running = deferred<void>();
    setup.engine.handle(vmStart, async () => {
      await mayStart.promise;
      running.resolve();
      return { id: vmId };
    });
    let peer: StreamPeer | undefined;
    setup.engine.handle(vmAttach, () => ({
      stream: setup.engine.stream((opened) => {
        peer = opened;
      }),
      tty: false,
    }));
    const code = main(["run", "alpine"], io);
    await until(() => setup.engine.methods().includes("vm/start") && peer !== undefined);
    io.signal("SIGUSR1");
    mayStart.resolve();
    await running.promise;
    await until(() => setup.engine.methods().includes("vm/kill"));
    io.signal("SIGINT");
    await until(() => setup.engine.methods().filter((method) => method === "vm/kill").length === 2);
    assert.deepEqual(
      setup.engine.calls.filter((call) => call.method === "vm/kill").map((call) => call.params),
      [
        { vm: vmId, signal: "SIGUSR1" },
        { vm: vmId, signal: "SIGINT" },
      ],
    );
    if (peer !== undefined) end(peer, 130);
    assert.equal(await code, 130);
    assert.ok(!io.listens("SIGINT"));
  });

  test("the third Ctrl-C ends the command", async () => {
    const io = setup.io();
    io.stdin.end();
    workload = () => undefined;
    const code = main(["run", "alpine"], io);
    await started.promise;
    for (let i = 0; i < 3; i++) io.signal("SIGINT");
    assert.equal(await code, 1);
    assert.equal(io.errors(), "\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n");
  });

  test("--sig-proxy=false leaves signals to the command", async () => {
    const io = setup.io();
    io.stdin.end();
    workload = (peer) => {
      assert.ok(!io.listens("SIGINT"));
      end(peer, 0);
    };
    assert.equal(await main(["run", "--sig-proxy=false", "alpine"], io), 0);
  });

  test("attach hands signals on, but for a SIGHUP, unless it is told not to", async () => {
    setup.engine.handle(vmInspect, () => vmDetails());
    const attach = async (...flags: string[]): Promise<{ io: TestIo; code: Promise<number> }> => {
      const opened = deferred<StreamPeer>();
      setup.engine.handle(vmAttach, () => ({ stream: setup.engine.stream(opened.resolve), tty: false }));
      const io = setup.io();
      const code = main(["attach", ...flags, "web"], io);
      await opened.promise;
      await until(() => io.listens("SIGHUP"));
      return { io, code };
    };
    const proxied = await attach();
    proxied.io.signal("SIGUSR1");
    await until(() => kills().length === 1);
    proxied.io.signal("SIGHUP");
    assert.equal(await proxied.code, 129);
    assert.deepEqual(kills(), [{ vm: vmId, signal: "SIGUSR1" }]);
    const own = await attach("--sig-proxy=false");
    assert.ok(!own.io.listens("SIGUSR1") && !own.io.listens("SIGINT"));
    own.io.signal("SIGHUP");
    assert.equal(await own.code, 129);
  });

  test("the input of a VM ends with the client that makes it, unless that goes at once", async () => {
    const once = async (...argv: string[]): Promise<unknown> => {
      setup.engine.calls.length = 0;
      setup.engine.handle(vmAttach, () => ({
        stream: setup.engine.stream((peer) => end(peer, 0)),
        tty: false,
      }));
      setup.engine.handle(vmStart, () => ({ id: vmId }));
      assert.equal((await setup.run([...argv, "alpine"])).code, 0);
      const params = setup.engine.paramsOf("vm/create");
      return typeof params === "object" && params !== null && "stdinOnce" in params && params.stdinOnce;
    };
    assert.equal(await once("run", "-i"), true);
    assert.equal(await once("create", "-i"), true);
    assert.equal(await once("run", "-di"), false);
    assert.equal(await once("run"), false);
    assert.equal(await once("run", "-i", "-a", "stdout"), false);
  });

  test("start -a and attach serve a VM that is there", async () => {
    setup.engine.handle(vmInspect, () => vmDetails({ state: "exited" }, { openStdin: true }));
    workload = (peer) => {
      peer.send(FrameType.stdout, "again\n");
      end(peer, 3);
    };
    assert.deepEqual(await setup.run(["start", "-ai", "web"]), { code: 3, stdout: "again\n", stderr: "" });
    assert.deepEqual(setup.engine.methods(), ["vm/inspect", "vm/attach", "vm/wait", "vm/start"]);
    assert.deepEqual(await setup.run(["attach", "web"]), {
      code: 1,
      stdout: "",
      stderr: "You cannot attach to a stopped container, start it first\nhint: mocker start -ai web\n",
    });
    setup.engine.calls.length = 0;
    setup.engine
      .handle(vmInspect, () => vmDetails())
      .handle(vmAttach, () => ({ stream: setup.engine.stream((peer) => end(peer, 4)), tty: false }));
    exit = deferred();
    assert.equal((await setup.run(["attach", "web"])).code, 4);
    assert.deepEqual(setup.engine.methods(), ["vm/inspect", "vm/attach", "vm/wait"]);
  });
});
