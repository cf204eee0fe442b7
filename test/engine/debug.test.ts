import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { EngineClient } from "../../engine/client/engine-client.ts";
import { reachRunning } from "../../engine/client/reach-engine.ts";
import type { DapMessage, DapResponse } from "../../extension/debug/dap-message.ts";
import { type DebugConfiguration, planDebugging } from "../../extension/debug/debug-plan.ts";
import { type DebugHost, DebugSession, type InspectorTarget } from "../../extension/debug/debug-session.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";

const script = `import sys
total = 0
for number in [1, 2, 3]:
    total += number
print("total", total, flush=True)
sys.exit(total)
`;

/** A session as the editor has it: the Debug Adapter Protocol, without the editor. */
class Client {
  readonly session: DebugSession;
  readonly received: DapMessage[] = [];
  readonly inspectors: InspectorTarget[] = [];
  #seq = 0;

  constructor(engine: EngineClient, workspaceFolder: string, configuration: DebugConfiguration) {
    const plan = planDebugging(configuration, {
      plan: { workspaceFolder, userHome: workspaceFolder },
      defaults: { cpus: 0, memoryMiB: 0, runtime: "simulation", network: "bridge", autoRemove: false },
    });
    const host: DebugHost = {
      send: (message) => this.received.push(message),
      pull: async () => false,
      attachInspector: async (target) => {
        this.inspectors.push(target);
      },
      showConsole: () => assert.fail("nobody wanted a terminal"),
      runInTerminal: async () => assert.fail("nobody wanted a terminal"),
      describe: (error) =>
        error instanceof Error ? `${error.message} ${"hint" in error ? error.hint : ""}` : "",
    };
    this.session = new DebugSession(engine, plan, host);
  }

  send(command: string, args: unknown = {}): number {
    this.session.handle({ seq: ++this.#seq, type: "request", command, arguments: args });
    return this.#seq;
  }

  async response(seq: number): Promise<DapResponse> {
    return await this.#find((message) =>
      message.type === "response" && message.request_seq === seq ? message : undefined,
    );
  }

  /** Sends a request that must succeed; its response's body. */
  async ask<T>(command: string, args: unknown = {}): Promise<T> {
    const response = await this.response(this.send(command, args));
    assert.ok(response.success, `${command}: ${response.message}`);
    return response.body as T;
  }

  /** The body of the nth event of a name. */
  async event<T>(name: string, nth = 0): Promise<T> {
    return await this.#find(() => {
      const events = this.received.filter((message) => message.type === "event" && message.event === name);
      const event = events[nth];
      return event?.type === "event" ? ((event.body ?? {}) as T) : undefined;
    });
  }

  output(): string {
    return this.received
      .map((message) => (message.type === "event" && message.event === "output" ? message.body : {}))
      .map((body) => String((body as { output?: unknown }).output ?? ""))
      .join("");
  }

  async #find<T>(look: (message: DapMessage) => T | undefined): Promise<T> {
    let found: T | undefined;
    await retry(
      () => {
        found = this.received.map(look).find((value) => value !== undefined);
        return found !== undefined;
      },
      { what: `an answer; there is ${JSON.stringify(this.received.slice(-5))}` },
    );
    return found as T;
  }
}

describe("debugging in a VM, over the Debug Adapter Protocol", () => {
  const mocker = new Mocker();
  const workspace = join(mocker.dir, "demo");
  let registry: Registry;
  let engine: EngineClient;
  const clients: Client[] = [];

  before(async () => {
    mkdirSync(workspace);
    writeFileSync(join(workspace, "main.py"), script);
    writeFileSync(join(workspace, "main.js"), 'console.log("hello");\n');
    registry = await startRegistry({ images: ["debian", "debugpy"] });
    for (const name of ["debian", "debugpy"]) await mocker.ok(["pull", "-q", `${registry.host}/${name}`]);
    const reached = await reachRunning({
      env: mocker.environment(),
      connected: (socket, path) => EngineClient.open(socket, path, { name: "test", version: "0" }),
    });
    assert.ok(reached);
    engine = reached;
  });
  after(async () => {
    for (const { session } of clients) await session.close();
    engine?.close();
    await mocker.close();
    await registry?.stop();
  });

  function debug(members: Record<string, unknown>): Client {
    const client = new Client(engine, workspace, { name: "Debug", request: "launch", ...members });
    clients.push(client);
    return client;
  }

  const noVms = () => mocker.until(["ps", "-aq"], /^$/);

  interface Frames {
    stackFrames: { id: number; line: number; source: { path: string } }[];
  }

  test("Python stops at a conditional breakpoint in the workspace's file, evaluates, goes on and ends with the VM", async () => {
    const client = debug({ image: `${registry.host}/debugpy`, program: "main.py" });
    const path = join(workspace, "main.py");
    const capabilities = await client.ask<Record<string, unknown>>("initialize", { adapterID: "mocker" });
    assert.equal(capabilities.supportsConditionalBreakpoints, true);
    const launched = client.send("launch", { image: "for us alone" });
    await client.event("initialized");
    const set = await client.ask<{ breakpoints: { verified: boolean; line: number }[] }>("setBreakpoints", {
      source: { path },
      breakpoints: [{ line: 4, condition: "number == 3" }],
    });
    assert.deepEqual(
      set.breakpoints.map(({ line }) => line),
      [4],
    );
    await client.ask("configurationDone");
    assert.equal((await client.response(launched)).success, true);
    const { threadId, reason } = await client.event<{ threadId: number; reason: string }>("stopped");
    assert.equal(reason, "breakpoint");
    const { stackFrames } = await client.ask<Frames>("stackTrace", { threadId });
    assert.deepEqual([stackFrames[0]?.line, stackFrames[0]?.source.path], [4, path]);
    const frameId = stackFrames[0]?.id;
    const value = await client.ask<{ result: string }>("evaluate", {
      expression: "(number, total)",
      frameId,
    });
    assert.equal(value.result, "(3, 3)");
    assert.match(await mocker.ok(["ps"]), /debugpy/);
    await client.ask("continue", { threadId });
    assert.equal((await client.event<{ exitCode: number }>("exited")).exitCode, 6);
    await client.event("terminated");
    assert.match(client.output(), /total 6/);
    await client.ask("disconnect");
    await noVms();
  });

  test("stopping a session ends its VM, and a VM that ends ends its session", async () => {
    const stopped = debug({ image: `${registry.host}/debugpy`, program: "main.py", stopOnEntry: true });
    await stopped.ask("initialize", { adapterID: "mocker" });
    await stopped.ask("disconnect", { terminateDebuggee: true });
    await noVms();

    const killed = debug({ image: `${registry.host}/debugpy`, program: "main.py" });
    await killed.ask("initialize", { adapterID: "mocker" });
    await mocker.ok(["kill", (await mocker.ok(["ps", "-q"])).trim()]);
    await killed.event("terminated");
    await noVms();
  });

  test("one attaches to a VM that runs, which stays", async () => {
    const mount = ["-v", `${workspace}:/srv/app`, "-w", "/srv/app", "-p", "127.0.0.1::5678"];
    await mocker.ok([
      "run",
      "-d",
      "--name",
      "web",
      "--runtime",
      "simulation",
      ...mount,
      `${registry.host}/debugpy`,
      "sleep",
      "1000",
    ]);
    const listen = "python3 -m debugpy --listen 0.0.0.0:5678 --wait-for-client main.py; echo $? > /ended";
    await mocker.ok(["exec", "-d", "web", "sh", "-c", listen]);
    await mocker.until(["exec", "web", "sh", "-c", "cat /proc/net/tcp"], /:162E /i);
    const client = debug({
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
    for (const program of ["main.py", "main.go", "main.js"]) {
      const client = debug({ image: `${registry.host}/debian`, program });
      const initialized = await client.response(client.send("initialize", { adapterID: "mocker" }));
      const { success, message } =
        program === "main.js" ? await client.response(client.send("launch")) : initialized;
      assert.equal(success, false);
      assert.match(message ?? "", /\/debian has no (python3|dlv|node)\. .*Choose an image with/);
      await client.event("terminated");
    }
    await noVms();
  });

  test("Python without debugpy says what the image lacks", async () => {
    const adapter = ["python3", "-c", "raise SystemExit('No module named debugpy')"];
    const client = debug({
      image: `${registry.host}/debugpy`,
      program: "main.py",
      adapter,
      language: "python",
    });
    const { success, message } = await client.response(client.send("initialize", {}));
    assert.equal(success, false);
    assert.match(message ?? "", /ended with code 1: No module named debugpy\. .*pip install debugpy/);
    await noVms();
  });

  test("Node waits for the editor's debugger at a free port of this machine, and goes with the session", async () => {
    const client = debug({
      image: `${registry.host}/debian`,
      program: "main.js",
      volumes: [{ source: process.execPath, target: "/usr/local/bin/node", readOnly: true }],
    });
    await client.ask("initialize", { adapterID: "mocker" });
    await client.ask("launch");
    const [target] = client.inspectors;
    assert.deepEqual(
      { ...target, port: 0 },
      {
        address: "127.0.0.1",
        port: 0,
        localRoot: workspace,
        remoteRoot: "/workspaces/demo",
      },
    );
    const pages = JSON.parse(await fetchText(target?.port ?? 0, "/json/list")) as { url: string }[];
    assert.equal(pages[0]?.url, "file:///workspaces/demo/main.js");
    assert.deepEqual(await client.ask("threads"), { threads: [] });
    await client.ask("disconnect");
    await noVms();
  });
});

function fetchText(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (data: Buffer) => parts.push(data));
      response.on("end", () => resolve(Buffer.concat(parts).toString()));
    }).on("error", reject);
  });
}
