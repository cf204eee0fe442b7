import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MockerError } from "../../../../engine/protocol/index.ts";
import {
  type AttachPlan,
  type DebugConfiguration,
  type DebugContext,
  type LaunchPlan,
  planDebugging,
} from "../../../../extension/debug/debug-plan.ts";
import { languageOf } from "../../../../extension/debug/language.ts";
import type { Defaults } from "../../../../extension/run-configurations/run-plan.ts";

const defaults: Defaults = { cpus: 0, memoryMiB: 0, runtime: "auto", network: "bridge", autoRemove: false };
const context: DebugContext = { plan: { workspaceFolder: "/home/me/app", userHome: "/home/me" }, defaults };

function launch(members: Record<string, unknown>, configuration = context): LaunchPlan {
  const plan = planDebugging({ name: "Debug", request: "launch", type: "mocker", ...members }, configuration);
  assert.ok(plan.kind === "launch");
  return plan;
}

function attach(members: Record<string, unknown>): AttachPlan {
  const plan = planDebugging({ name: "Attach", request: "attach", type: "mocker", ...members }, context);
  assert.ok(plan.kind === "attach");
  return plan;
}

test("Node waits for its debugger on a port that this machine alone reaches, at a free number", () => {
  const { vm, command, startArguments, shared } = launch({
    image: "node:22",
    program: "/home/me/app/src/main.ts",
    args: ["-v"],
    runtimeArgs: ["--enable-source-maps"],
    env: { MODE: "debug" },
    skipFiles: ["<node_internals>/**"],
    preLaunchTask: "build",
  });
  assert.deepEqual(command, [
    ...["node", "--enable-source-maps", "--inspect-brk=0.0.0.0:9229"],
    ...["/workspaces/app/src/main.ts", "-v"],
  ]);
  assert.deepEqual(vm.entrypoint, []);
  assert.deepEqual(vm.ports, [{ protocol: "tcp", guestPort: 9229, hostAddress: "127.0.0.1" }]);
  assert.deepEqual(vm.mounts, [
    { type: "bind", source: "/home/me/app", target: "/workspaces/app", readOnly: false },
  ]);
  assert.equal(vm.workingDir, "/workspaces/app");
  assert.deepEqual(vm.env, ["MODE=debug"]);
  assert.equal(vm.autoRemove, true);
  assert.equal(vm.stdinOnce, true);
  assert.deepEqual(shared, { local: "/home/me/app", remote: "/workspaces/app" });
  assert.deepEqual(startArguments, { continueOnAttach: true, skipFiles: ["<node_internals>/**"] });
});

test("without debugging there is neither inspector nor port", () => {
  const { vm, command, debug } = launch({ image: "node:22", program: "main.js", noDebug: true });
  assert.deepEqual(command, ["node", "/workspaces/app/main.js"]);
  assert.deepEqual(vm.ports, []);
  assert.equal(debug, false);
});

test("a terminal of its own, a stop at the first line and another port are as one asks", () => {
  const asked = { console: "integratedTerminal", stopOnEntry: true, port: 9300 };
  const { command, console, startArguments, port } = launch({
    image: "node:22",
    program: "main.js",
    ...asked,
  });
  assert.equal(console, "integratedTerminal");
  assert.equal(port, 9300);
  assert.ok(command.includes("--inspect-brk=0.0.0.0:9300"));
  assert.equal(startArguments.continueOnAttach, false);
});

test("a VM waits for the end of its input, with what the image has", () => {
  const waiters = (members: object) => launch({ image: "x", ...members }).waiters.map(([program]) => program);
  assert.deepEqual(waiters({ program: "main.js", runtimeExecutable: "/nodejs/bin/node" }), [
    "cat",
    "/nodejs/bin/node",
  ]);
  assert.deepEqual(waiters({ program: "main.py" }), ["cat", "python3"]);
  assert.deepEqual(waiters({ program: "main.go" }), ["cat"]);
});

test("Python's adapter is told what to run in the VM's paths", () => {
  const { vm, command, startArguments } = launch({
    image: "python:3",
    program: "/home/me/app/main.py",
    args: ["x"],
    justMyCode: false,
  });
  assert.deepEqual(command, ["python3", "-m", "debugpy.adapter"]);
  assert.deepEqual(vm.ports, []);
  assert.deepEqual(startArguments, {
    type: "python",
    request: "launch",
    program: "/workspaces/app/main.py",
    args: ["x"],
    cwd: "/workspaces/app",
    env: {},
    stopOnEntry: false,
    console: "internalConsole",
    justMyCode: false,
  });
});

test("debugpy of the editor, or of a directory that one names, is shared with the VM for an image without", () => {
  const directory = mkdtempSync(join(tmpdir(), "debugpy-"));
  try {
    mkdirSync(join(directory, "debugpy/adapter"), { recursive: true });
    writeFileSync(join(directory, "debugpy/adapter/__main__.py"), "");
    const python = { image: "python:3", program: "main.py" };
    const injected = (source: string) => ({
      ...{ type: "bind", source, target: "/opt/mocker/debugpy", readOnly: true },
    });
    const editors = launch(python, { ...context, debugpy: "/editor/libs" });
    assert.deepEqual(editors.vm.mounts?.[1], injected("/editor/libs"));
    assert.match(editors.command.join(" "), /^python3 -c .*sys\.path\.append\("\/opt\/mocker\/debugpy"\)/s);
    const named = launch({ ...python, debugpy: directory }, { ...context, debugpy: "/editor/libs" });
    assert.deepEqual(named.vm.mounts?.[1], injected(directory));
    assert.equal(named.startArguments.debugpy, undefined);
    assert.throws(() => launch({ ...python, debugpy: "/nowhere" }), /There is no debugpy in \/nowhere/);
    const node = launch({ image: "node:22", program: "main.js" }, { ...context, debugpy: "/editor/libs" });
    assert.equal(node.vm.mounts?.length, 1);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("Delve gets the package's directory, and listens on a port that is published", () => {
  const { vm, command, workingDir, startArguments } = launch({
    image: "golang:1",
    program: "cmd/web/main.go",
    port: 5000,
  });
  assert.deepEqual(command, ["dlv", "dap", "--listen=0.0.0.0:5000"]);
  // Go looks for the module from there.
  assert.equal(workingDir, "/workspaces/app/cmd/web");
  assert.deepEqual(vm.ports, [{ protocol: "tcp", guestPort: 5000, hostAddress: "127.0.0.1" }]);
  assert.equal(startArguments.program, "/workspaces/app/cmd/web");
});

test("any adapter that speaks the protocol will do", () => {
  const { command, language } = launch({ image: "gcc:14", program: "build/app", adapter: ["lldb-dap"] });
  assert.deepEqual(command, ["lldb-dap"]);
  assert.equal(language, "native");
  const found = launch({ image: "gcc:14", program: "build/app" });
  assert.deepEqual(found.command.slice(-3), ["sh", "/home/me/app", "/workspaces/app"]);
  assert.deepEqual(found.startArguments.sourceMap, [["/home/me/app", "/workspaces/app"]]);
});

test("more volumes and ports come beside the workspace and the debugger's port", () => {
  const { vm } = launch({
    image: "node:22",
    program: "main.js",
    volumes: [{ source: "/data", target: "/data", readOnly: true }],
    ports: ["8080:80"],
    cpus: 2,
    memoryMiB: 512,
  });
  assert.deepEqual(
    vm.mounts?.map(({ target }) => target),
    ["/workspaces/app", "/data"],
  );
  assert.deepEqual(
    vm.ports?.map(({ guestPort }) => guestPort),
    [80, 9229],
  );
  assert.deepEqual([vm.cpus, vm.memoryMiB], [2, 512]);
});

test("one attaches to a VM that runs, and says where its sources are if mounts do not", () => {
  assert.deepEqual(attach({ vm: "web", skipFiles: [] }), {
    kind: "attach",
    language: "node",
    transport: "inspector",
    port: 9229,
    command: [],
    console: "internalConsole",
    vm: "web",
    shared: undefined,
    workspaceFolder: "/home/me/app",
    startArguments: { skipFiles: [] },
  });
  const python = attach({ vm: "web", language: "python", remoteRoot: "/srv", justMyCode: false });
  assert.deepEqual([python.transport, python.port, python.command], ["tcp", 5678, []]);
  assert.deepEqual(python.shared, { local: "/home/me/app", remote: "/srv" });
  assert.deepEqual(python.startArguments, { request: "attach", type: "python", justMyCode: false });
  const go = attach({ vm: "web", language: "go", port: 40_000 });
  assert.deepEqual([go.transport, go.port, go.startArguments.mode], ["tcp", 40_000, "remote"]);
  const byNumber = attach({ vm: "web", language: "python", processId: 7 });
  assert.deepEqual([byNumber.transport, byNumber.command], ["stdio", ["python3", "-m", "debugpy.adapter"]]);
  assert.deepEqual(byNumber.startArguments, { request: "attach", processId: 7 });
});

test("what is missing or wrong is said, with what to write instead", () => {
  const program = "main.js";
  const image = "node:22";
  const wrong: [Partial<DebugConfiguration>, RegExp, RegExp][] = [
    [{ program }, /"Debug" names no image/, /"image": "node:22"/],
    [{ image }, /names no program/, /"program": "\$\{workspaceFolder\}\/main\.js"/],
    [{ image, program, language: "cobol" }, /language "cobol"/, /node, python, go, native/],
    [{ image, program, args: "x" }, /wrong value for "args"/, /launch\.json/],
    [{ image, program, port: 70_000 }, /wrong value for "port"/, /launch\.json/],
    [{ image, program, volumes: [{}] }, /wrong value for "volumes"/, /launch\.json/],
    [{ image, program, ports: ["x"] }, /wrong port "x"/, /launch\.json/],
    [{ image, program, network: "none" }, /through the network none/, /bridge/],
    [{ request: "attach" }, /names no VM/, /"vm": "web"/],
    [{ request: "replay" }, /no request "replay"/, /launch/],
  ];
  for (const [members, message, hint] of wrong) {
    assert.throws(
      () => planDebugging({ name: "Debug", request: "launch", ...members }, context),
      (error) => {
        assert.ok(error instanceof MockerError);
        assert.match(error.message, message);
        assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  }
  const nowhere = { ...context, plan: { workspaceFolder: undefined, userHome: "/home/me" } };
  assert.throws(
    () => planDebugging({ name: "Debug", request: "launch", image, program }, nowhere),
    /no folder/,
  );
});

test("a file's name says its language", () => {
  const names = ["a.js", "a.mts", "A.PY", "cmd/a.go", "a.txt", "a"];
  assert.deepEqual(names.map(languageOf), ["node", "node", "python", "go", undefined, undefined]);
});
