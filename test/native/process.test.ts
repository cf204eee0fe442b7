import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { AgentError, type ExitFrame, type Json, until, Vm, type VmOptions } from "./vm.ts";

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

async function run(argv: string[], params: Json = {}, options: VmOptions = {}) {
  vm = await Vm.configured(options);
  const result = await vm.run(argv, params);
  assert.equal(await vm.monitorExit, 0);
  return { ...result, record: vm.exitRecord() };
}

test("a process ends with 0", async () => {
  const { exit, record } = await run(["true"]);
  assert.deepEqual(exit, { code: 0 } satisfies ExitFrame);
  assert.equal(record.exitCode, 0);
  assert.equal(record.reason, "exited");
  assert.equal(record.signal, null);
  assert.ok(Date.parse(record.startedAt) <= Date.parse(record.finishedAt));
});

test("a process ends with its own code", async () => {
  const { exit, record } = await run(["sh", "-c", "exit 42"]);
  assert.deepEqual(exit, { code: 42 });
  assert.equal(record.exitCode, 42);
});

test("a process killed by a signal ends with 128 + n", async () => {
  const { exit, record } = await run(["sh", "-c", "kill -SEGV $$"]);
  assert.deepEqual(exit, { code: 139, signal: 11 });
  assert.equal(record.signal, 11);
});

const failures: [name: string, argv: string[], code: string, exitCode: number, message: string][] = [
  ["missing in PATH", ["nope"], "NOT_FOUND", 127, 'exec: "nope": executable file not found in $PATH'],
  ["missing path", ["/x/y"], "NOT_FOUND", 127, 'exec: "/x/y": stat /x/y: no such file or directory'],
  ["a folder", ["/etc"], "NOT_EXECUTABLE", 126, 'exec: "/etc": is a directory'],
  ["not executable", ["/etc/passwd"], "NOT_EXECUTABLE", 126, 'exec: "/etc/passwd": permission denied'],
  [
    "below a file",
    ["/etc/passwd/x"],
    "NOT_EXECUTABLE",
    126,
    'exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory',
  ],
  ["empty name", [""], "NOT_FOUND", 127, 'exec: "": executable file not found in $PATH'],
  ["no format", ["/bin/text"], "NOT_EXECUTABLE", 126, "exec /bin/text: exec format error"],
  ["no interpreter", ["/bin/script"], "NOT_FOUND", 127, "exec /bin/script: no such file or directory"],
];
for (const [name, argv, code, exitCode, message] of failures) {
  test(`Docker's words for a program that cannot run: ${name}`, async () => {
    const prepare = (lower: string): void => {
      for (const [file, text] of [
        ["text", "just text\n"],
        ["script", "#!/no/such/interpreter\n"],
      ] as const) {
        writeFileSync(join(lower, "bin", file), text);
        chmodSync(join(lower, "bin", file), 0o755);
      }
    };
    vm = await Vm.configured({ prepare });
    const stream = vm.attach();
    await assert.rejects(vm.start(argv), (error) => {
      assert.ok(error instanceof AgentError);
      assert.deepEqual([error.code, error.message], [code, message]);
      return true;
    });
    assert.deepEqual(await stream.exit, { code: exitCode, reason: "start-failed", message });
    assert.equal(await vm.monitorExit, 0);
    const record = vm.exitRecord();
    assert.deepEqual([record.exitCode, record.reason, record.message], [exitCode, "start-failed", message]);
  });
}

test("200 variables of 1 KiB arrive byte for byte, in their order", async () => {
  const env = ["PATH=/bin", "HOME=/"];
  for (let i = 0; i < 200; i++) env.push(`V${i}= '"\\\n$(x) ä☃ ${i} ${"x".repeat(1000)}`);
  const { stdout } = await run(["cat", "/proc/self/environ"], { env });
  assert.deepEqual(Buffer.from(stdout, "latin1").toString(), env.map((entry) => `${entry}\0`).join(""));
});

test("arguments arrive as they are", async () => {
  const argv = ["printf", "%s|", "", " ", "a b", "'\"\\", "-n", "$HOME", "\n", "x".repeat(100_000)];
  const { stdout } = await run(argv);
  assert.equal(
    stdout,
    argv
      .slice(2)
      .map((word) => `${word}|`)
      .join(""),
  );
});

const users: [user: string, uid: string, groups: string, home: string][] = [
  ["", "0:0", "0 10", "/root"],
  ["alice", "1000:1000", "1000 10 29", "/home/alice"],
  ["1000", "1000:1000", "1000 10 29", "/home/alice"],
  ["alice:wheel", "1000:10", "10", "/home/alice"],
  ["1000:1000", "1000:1000", "1000", "/home/alice"],
  ["4711", "4711:0", "0", "/"],
  ["4711:4712", "4711:4712", "4712", "/"],
];
for (const [user, ids, groups, home] of users) {
  test(`user "${user}"`, async () => {
    const { stdout } = await run(["sh", "-c", "echo $(id -u):$(id -g); id -G; echo $HOME"], { user });
    assert.equal(stdout, `${ids}\n${groups}\n${home}\n`);
  });
}

for (const [user, message] of [
  ["nobody-here", "unable to find user nobody-here: no matching entries in passwd file"],
  ["alice:nogroup", "unable to find group nogroup: no matching entries in group file"],
]) {
  test(`user "${user}" is refused`, async () => {
    vm = await Vm.configured();
    await assert.rejects(vm.start(["true"], { user }), { code: "NO_USER", message });
    assert.equal(await vm.monitorExit, 0);
    assert.equal(vm.exitRecord().exitCode, 125);
  });
}

test("HOME is the user's wish before passwd's", async () => {
  const { stdout } = await run(["sh", "-c", "echo $HOME"], {
    user: "alice",
    env: ["PATH=/bin", "HOME=/mine"],
  });
  assert.equal(stdout, "/mine\n");
});

test("a missing working directory is created for the main process", async () => {
  const { stdout } = await run(["pwd"], { cwd: "/srv/a/b" });
  assert.equal(stdout, "/srv/a/b\n");
});

test("a working directory that is a file is refused", async () => {
  vm = await Vm.configured();
  await assert.rejects(vm.start(["pwd"], { cwd: "/etc/passwd" }), { code: "BAD_CWD" });
});

test("resource limits", async () => {
  const rlimits = [
    { name: "nofile", soft: 123, hard: 456 },
    { name: "RLIMIT_CORE", soft: 0, hard: 0 },
  ];
  const { stdout } = await run(["sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c"], { rlimits });
  assert.equal(stdout, "123\n456\n0\n");
});

test("the process inherits nothing of ours", async () => {
  const script = "ls /proc/self/fd; grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; cat /proc/self/stat";
  const { stdout } = await run(["sh", "-c", script]);
  const [fds, rest] = [stdout.slice(0, stdout.indexOf("SigBlk")), stdout.slice(stdout.indexOf("SigBlk"))];
  assert.deepEqual(fds.split("\n"), ["0", "1", "2", "3", ""]); // 3 is ls's own
  assert.deepEqual(rest.match(/\t\S+/g), ["\t0000000000000000", "\t0000000000000000", "\t0000000000000000"]);
});

test("another user can reopen its standard output", async () => {
  const { stdout, stderr } = await run(["sh", "-c", "echo one >/dev/stdout; echo two >/dev/stderr"], {
    user: "alice",
  });
  assert.equal(stdout, "one\n");
  assert.equal(stderr, "two\n");
});

test("orphans are reaped by PID 1, and end with the main process", async () => {
  vm = await Vm.configured();
  const script =
    "(sleep 0.05 &) ; (sleep 1000 &) ; sleep 0.3; grep -l '^State:.*Z' /proc/[0-9]*/status; echo done";
  const { stdout, exit } = await vm.run(["sh", "-c", script]);
  assert.match(stdout, /^done\n$/);
  assert.equal(exit.code, 0);
  assert.equal(await vm.monitorExit, 0);
});

test("a child that holds the output open does not delay the exit", async () => {
  vm = await Vm.configured();
  const { stdout } = await vm.run(["sh", "-c", "sleep 1000 & echo main"]);
  assert.equal(stdout, "main\n");
  assert.equal(await vm.monitorExit, 0);
});

test("the machine's files and names", async () => {
  const script =
    "hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf; ls -d /proc/1 /sys/class /dev/pts/ptmx /dev/shm";
  const { stdout } = await run(["sh", "-c", script]);
  assert.match(stdout, /^box\nbox\n127\.0\.0\.1\tlocalhost\n/);
  assert.match(
    stdout,
    /\n192\.0\.2\.7\tdb\n127\.0\.1\.1\tbox\nnameserver 192\.0\.2\.53\nsearch example\noptions ndots:1\n/,
  );
  assert.match(stdout, /\/dev\/pts\/ptmx\n\/dev\/shm\n\/proc\/1\n\/sys\/class\n$/);
});

test("a strict umask of the engine is not the workload's", async () => {
  const before = process.umask(0o077);
  try {
    const { stdout } = await run(["sh", "-c", "umask; stat -c %a /etc/hosts /etc/hostname /etc/resolv.conf"]);
    assert.equal(stdout, "0022\n644\n644\n644\n");
  } finally {
    process.umask(before);
  }
});

test("the workload sees its own root only", async () => {
  const { stdout } = await run(["sh", "-c", "cat /proc/self/mounts; ls /"]);
  const points = [...stdout.matchAll(/^(\S+) (\/\S*) \S+ /gm)].map((line) => `${line[1]} ${line[2]}`);
  assert.deepEqual(points.slice(0, 2), ["overlay /", "proc /proc"]);
  assert.ok(!points.some((point) => /native|upper|work|home|boot/.test(point)), points.join("\n"));
  assert.match(stdout, /\nbin\ndev\netc\nhome\nproc\nroot\nsys\ntmp\nusr\n$/);
});

test("/dev works", async () => {
  const script =
    "echo x >/dev/null && head -c 3 /dev/zero | wc -c && head -c 3 /dev/urandom | wc -c && ls /dev && echo y >/dev/shm/f && stat -c %a /dev/shm";
  const { stdout } = await run(["sh", "-c", script]);
  const names = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
  assert.equal(stdout, `3\n3\n${names.split(" ").join("\n")}\n1777\n`);
});

test("the writable layer keeps what was written, the image does not change", async () => {
  vm = await Vm.configured();
  await vm.run(["sh", "-c", "echo new >/etc/passwd"]);
  await vm.monitorExit;
  assert.match(readFileSync(join(vm.lower, "etc/passwd"), "utf8"), /^root:/);
  assert.equal(readFileSync(join(vm.dir, "upper/etc/passwd"), "utf8"), "new\n");
});

test("an image without any folder runs", async () => {
  const prepare = (lower: string): void => {
    for (const name of ["etc", "tmp", "root", "home", "usr"]) {
      rmSync(join(lower, name), { recursive: true });
    }
    mkdirSync(join(lower, "etc"));
  };
  const { exit } = await run(["/bin/busybox", "true"], { env: [] }, { prepare });
  assert.equal(exit.code, 0);
});

test("stats counts memory and processes", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  await vm.start(["sh", "-c", "sleep 100 & sleep 100 & echo up; wait"]);
  await stream.waitFor(/up/);
  const stats = (await vm.request("stats")) as { memoryUsedBytes: number; processes: number };
  assert.equal(stats.processes, 3);
  assert.ok(
    stats.memoryUsedBytes > 100_000 && stats.memoryUsedBytes < 50_000_000,
    String(stats.memoryUsedBytes),
  );
});

test("the list of processes has what ps wants to know, in one JSON object a line", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  await vm.start(["sh", "-c", "sleep 100 & echo up; wait"]);
  await stream.waitFor(/up/);
  const listed = await vm.exec("list", ["mocker-process-list"], { processes: true });
  assert.deepEqual(await listed.exit, { code: 0 });
  const [machine, ...processes] = listed.stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.ok(Number(machine?.memoryBytes) > 0);
  assert.deepEqual(
    processes.map(({ command, name, user, tty, state, ppid }) => [command, name, user, tty, state, ppid]),
    [
      ["sh -c sleep 100 & echo up; wait", "sh", "root", "?", "S", 1],
      ["sleep 100", "sleep", "root", "?", "S", processes[0]?.pid],
    ],
  );
});

test("a pause stops all processes, and its end lets those go on that were not stopped before", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  const stopped = "sleep 100 & kill -STOP $!; until grep -q 'T (stopped)' /proc/$!/status; do :; done";
  await vm.start(["sh", "-c", `${stopped}; sleep 200 & echo up; wait`]);
  await stream.waitFor(/up/);
  const areStopped = async (id: string): Promise<boolean[]> => {
    const listed = await vm?.exec(id, ["mocker-process-list"], { processes: true });
    await listed?.exit;
    const lines = listed?.stdout.toString().trim().split("\n").slice(1) ?? [];
    return lines.map((line) => (JSON.parse(line) as { state: string }).state === "T");
  };
  await vm.request("pause");
  await vm.request("pause");
  await until(() => vm?.monitorEvents.at(-1)?.paused === true);
  // A signal takes effect when its process comes to run.
  const settled = async (name: string, wanted: boolean[]): Promise<void> => {
    for (let round = 0; String(await areStopped(`${name}${round}`)) !== String(wanted); round++) {
      assert.ok(round < 100, name);
    }
  };
  await settled("paused", [true, true, true]);
  await vm.request("unpause");
  await until(() => vm?.monitorEvents.at(-1)?.paused === undefined);
  await settled("awake", [false, true, false]);
});

test("requests out of order are refused", async () => {
  vm = await Vm.boot();
  await assert.rejects(vm.start(["true"]), {
    code: "INTERNAL",
    message: "the machine is not configured yet",
  });
  await assert.rejects(vm.request("dance"), { message: 'method "dance" is not known' });
  await vm.configure();
  await assert.rejects(vm.configure(), { message: "the machine is configured already" });
  await assert.rejects(vm.request("signal", { target: "main", signal: 15 }), { code: "NOT_RUNNING" });
  assert.deepEqual(await vm.request("ping"), {});
});
