import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import type { Frames } from "../scenarios/debugging/debug-client.ts";
import { debugScenarios } from "../scenarios/debugging/debugging.ts";

const script = `import sys
total = 0
for number in [1, 2, 3]:
    total += number
print("total", total, flush=True)
sys.exit(total)
`;

debugScenarios("simulation", (get) => {
  beforeEach(() => {
    const { workspace } = get();
    writeFileSync(join(workspace, "main.py"), script);
    writeFileSync(join(workspace, "main.js"), 'console.log("hello");\n');
  });

  const noVms = () => get().mocker.until(["ps", "-aq"], /^$/);

  test("stopping a session ends its VM, and a VM that ends ends its session", async () => {
    const { mocker, debugging, images } = get();
    const stopped = debugging.begin({
      image: images.debugpy,
      program: "main.py",
      stopOnEntry: true,
    });
    await stopped.ask("initialize", { adapterID: "mocker" });
    await stopped.ask("disconnect", { terminateDebuggee: true });
    await noVms();

    const killed = debugging.begin({ image: images.debugpy, program: "main.py" });
    await killed.ask("initialize", { adapterID: "mocker" });
    await mocker.ok(["kill", (await mocker.ok(["ps", "-q"])).trim()]);
    await killed.event("terminated");
    await noVms();
  });

  test("a restart of Python runs the changed file in the same VM, whichever request ends the session before", async () => {
    const { mocker, workspace, debugging, images } = get();
    const path = join(workspace, "main.py");
    const configuration = { image: images.debugpy, program: "main.py" };
    let vm: string | undefined;
    for (const last of ["disconnect", "terminate"]) {
      const client = debugging.begin(configuration);
      await client.launch(path, [{ line: 4 }]);
      await client.stopped();
      const found = await mocker.ok(["ps", "-aq"]);
      assert.equal(found, vm ?? found);
      vm = found;
      await client.ask(last, { restart: true, terminateDebuggee: true });
    }
    writeFileSync(path, 'import sys\nprint("changed", flush=True)\nsys.exit(7)\n');
    const changed = debugging.begin(configuration);
    await changed.launch(path, []);
    assert.equal((await changed.event<{ exitCode: number }>("exited")).exitCode, 7);
    assert.match(changed.output(), /changed/);
    assert.equal(await mocker.ok(["ps", "-aq"]), vm);
    await changed.ask("disconnect");
    await noVms();
  });

  test("one attaches to a VM that runs, which stays", async () => {
    const { mocker, workspace, debugging, images } = get();
    const mount = ["-v", `${workspace}:/srv/app`, "-w", "/srv/app", "-p", "127.0.0.1::5678"];
    await mocker.ok([
      "run",
      "-d",
      "--name",
      "web",
      "--runtime",
      "simulation",
      ...mount,
      images.debugpy,
      "sleep",
      "1000",
    ]);
    const listen = "python3 -m debugpy --listen 0.0.0.0:5678 --wait-for-client main.py; echo $? > /ended";
    await mocker.ok(["exec", "-d", "web", "sh", "-c", listen]);
    await mocker.until(["exec", "web", "sh", "-c", "cat /proc/net/tcp"], /:162E /i);
    const client = debugging.begin({
      request: "attach",
      vm: "web",
      language: "python",
    });
    await client.ask("initialize", { adapterID: "mocker" });
    client.send("attach");
    await client.event("initialized");
    await client.ask("setBreakpoints", {
      source: { path: join(workspace, "main.py") },
      breakpoints: [{ line: 5 }],
    });
    await client.ask("configurationDone");
    const { threadId } = await client.event<{ threadId: number }>("stopped");
    const { stackFrames } = await client.ask<Frames>("stackTrace", { threadId });
    assert.equal(stackFrames[0]?.source.path, join(workspace, "main.py"));
    await client.ask("disconnect", { terminateDebuggee: false });
    await mocker.until(["exec", "web", "sh", "-c", "cat /ended || true"], /^6$/m);
    await mocker.ok(["rm", "-f", "web"]);
  });

  test("an image without the debugger is named, with what to do", async () => {
    const { debugging, images } = get();
    for (const program of ["main.py", "main.go", "main.js"]) {
      const client = debugging.begin({ image: images.debian, program });
      const initialized = await client.response(client.send("initialize", { adapterID: "mocker" }));
      const { success, message } =
        program === "main.js" ? await client.response(client.send("launch")) : initialized;
      assert.equal(success, false);
      assert.match(message ?? "", /\/debian has no (python3|dlv|node)\. .*Choose an image with/);
      await client.event("terminated");
    }
    await noVms();
  });

  test("Python without debugpy says what to do, and takes what is shared with its VM", async () => {
    const { mocker, workspace, debugging, images } = get();
    // An image that has none: its own is out of sight.
    const packages = "/usr/lib/python3/dist-packages";
    const [none, libs] = [join(mocker.dir, "none"), join(mocker.dir, "libs")];
    mkdirSync(none);
    await mocker.ok(["create", "--name", "source", "--runtime", "simulation", images.debugpy]);
    await mocker.ok(["cp", `source:${packages}`, libs]);
    await mocker.ok(["rm", "source"]);
    const configuration = {
      image: images.debugpy,
      program: "main.py",
      volumes: [{ source: none, target: `${packages}/debugpy`, readOnly: true }],
    };
    const client = debugging.begin(configuration);
    const { success, message } = await client.response(client.send("initialize", {}));
    assert.equal(success, false);
    assert.match(
      message ?? "",
      /ended with code 1: .*No module named .?debugpy.*install the extension Python Debugger/s,
    );
    await noVms();

    const injected = debugging.begin(configuration, libs);
    const path = join(workspace, "main.py");
    await injected.launch(path, [{ line: 5 }]);
    const { frame, threadId } = await injected.stopped();
    assert.deepEqual([frame.line, frame.source.path], [5, path]);
    await injected.ask("continue", { threadId });
    assert.equal((await injected.event<{ exitCode: number }>("exited")).exitCode, 6);
    await injected.ask("disconnect");
    await noVms();
  });
});
