import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { RuntimeName } from "../../../engine/protocol/engine.ts";
import { type Registry, startRegistry } from "../../fixtures/registry.ts";
import { InspectorClient } from "../../support/inspector-client.ts";
import { Mocker } from "../../support/mocker.ts";
import { stretched } from "../../support/paths.ts";
import { type DebugClient, Debugging } from "./debug-client.ts";

const python = `import sys
total = 0
for number in [1, 2, 3]:
    total += number
print("total", total, flush=True)
raise ValueError(f"total {total}")
`;

const javascript = `let total = 0;
for (const number of [1, 2, 3]) {
  total += number;
}
console.log("total", total);
throw new RangeError("total " + total);
`;

interface Paused {
  reason: string;
  data?: { description: string };
  hitBreakpoints: string[];
  callFrames: {
    callFrameId: string;
    location: { lineNumber: number };
    scopeChain: { object: { objectId: string } }[];
  }[];
}

export interface DebugSuite {
  mocker: Mocker;
  /** The editor's folder. */
  workspace: string;
  debugging: Debugging;
  images: { debian: string; debugpy: string };
}

/** Programs in VMs under their own debuggers, as the debug type of the editor has them; `more` with them. */
export function debugScenarios(runtime: RuntimeName, more?: (get: () => DebugSuite) => void): void {
  describe(`debugging on ${runtime}`, () => {
    const mocker = new Mocker();
    const workspace = join(mocker.dir, "demo");
    let registry: Registry;
    let debugging: Debugging;
    let images: DebugSuite["images"];
    before(async () => {
      mkdirSync(workspace);
      registry = await startRegistry({ images: ["debian", "debugpy"] });
      images = { debian: `${registry.host}/debian`, debugpy: `${registry.host}/debugpy` };
      for (const image of Object.values(images)) await mocker.ok(["pull", "-q", image]);
      debugging = await Debugging.open(mocker, workspace, runtime);
    });
    after(async () => {
      await debugging?.close();
      await mocker.close();
      await registry?.stop();
    });

    const vmIds = () => mocker.ok(["ps", "-aq", "--no-trunc"]);
    const noVms = () => mocker.until(["ps", "-aq"], /^$/);

    test("Python: conditional breakpoint, variables, exception; the VM goes with the program", async () => {
      const path = join(workspace, "main.py");
      writeFileSync(path, python);
      const configuration = {
        image: images.debugpy,
        program: "main.py",
        // debugpy gives a program fifteen seconds to start, which is little on the lab's CPU.
        env: { DEBUGPY_PROCESS_SPAWN_TIMEOUT: String(stretched(15_000) / 1000) },
      };
      const client = debugging.begin(configuration);
      const capabilities = await client.launch(path, [{ line: 4, condition: "number == 3" }], {
        filters: ["uncaught"],
        launch: { image: "for us alone" },
      });
      assert.equal(capabilities.supportsConditionalBreakpoints, true);
      const { reason, threadId, frame } = await client.stopped();
      assert.deepEqual([reason, frame.line, frame.source.path], ["breakpoint", 4, path]);
      const { result } = await client.ask<{ result: string }>("evaluate", {
        expression: "(number, total)",
        frameId: frame.id,
      });
      assert.equal(result, "(3, 3)");
      assert.equal((await variables(client, frame.id)).get("total"), "3");
      await client.ask("continue", { threadId });
      const thrown = await client.stopped(1);
      assert.deepEqual([thrown.reason, thrown.frame.line], ["exception", 6]);
      const info = await client.ask<{ description: string }>("exceptionInfo", { threadId });
      assert.match(info.description, /total 6/);
      await client.ask("continue", { threadId });
      assert.equal((await client.event<{ exitCode: number }>("exited")).exitCode, 1);
      await client.event("terminated");
      await client.ask("disconnect");
      await noVms();
    });

    test("Node: the same, by its inspector at a free port of this machine; a restart runs the changed file in the same VM", async () => {
      const path = join(workspace, "main.js");
      writeFileSync(path, javascript);
      const configuration = {
        image: images.debian,
        program: "main.js",
        volumes: [{ source: process.execPath, target: "/usr/local/bin/node", readOnly: true }],
      };
      const first = debugging.begin(configuration);
      const node = await attach(first, workspace);
      await node.ask("Debugger.setPauseOnExceptions", { state: "uncaught" });
      const breakpoint = await node.ask<{ breakpointId: string }>("Debugger.setBreakpointByUrl", {
        url: "file:///workspaces/demo/main.js",
        lineNumber: 2,
        condition: "number === 3",
      });
      await run(node);
      const stop = await node.event<Paused>("Debugger.paused");
      assert.deepEqual(stop.hitBreakpoints, [breakpoint.breakpointId]);
      const [frame] = stop.callFrames;
      const scopes = (frame?.scopeChain ?? []).map(({ object }) =>
        node.ask<{ result: { name: string; value?: { value: unknown } }[] }>("Runtime.getProperties", {
          objectId: object.objectId,
        }),
      );
      const values = (await Promise.all(scopes)).flatMap(({ result }) => result);
      assert.deepEqual(values.find(({ name }) => name === "total")?.value?.value, 3);
      await node.ask("Debugger.resume");
      const thrown = await node.event<Paused>("Debugger.paused");
      assert.equal(thrown.reason, "exception");
      assert.equal(thrown.callFrames[0]?.location.lineNumber, 5);
      assert.match(thrown.data?.description ?? "", /RangeError: total 6/);
      const ids = await vmIds();

      writeFileSync(path, 'console.log("changed");\nprocess.exitCode = 7;\n');
      await first.ask("disconnect", { restart: true, terminateDebuggee: true });
      const again = debugging.begin(configuration);
      const changed = await attach(again, workspace);
      await run(changed);
      const logged = await changed.event<{ args: { value: string }[] }>("Runtime.consoleAPICalled");
      assert.equal(logged.args[0]?.value, "changed");
      assert.equal(ids, await vmIds());
      await changed.event("Runtime.executionContextDestroyed");
      // As js-debug does, for which Node waits.
      changed.close();
      assert.equal((await again.event<{ exitCode: number }>("exited")).exitCode, 7);
      again.session.peerEnded();
      await again.event("terminated");
      await noVms();
    });

    more?.(() => ({ mocker, workspace, debugging, images }));
  });
}

/** Attaches to a Node that waits for it, in a session that has begun. */
async function attach(client: DebugClient, workspace: string): Promise<InspectorClient> {
  await client.ask("initialize", { adapterID: "mocker" });
  await client.ask("launch");
  const [target] = client.inspectors;
  assert.ok(target);
  const { port, ...place } = target;
  assert.deepEqual(place, {
    address: "127.0.0.1",
    localRoot: workspace,
    remoteRoot: "/workspaces/demo",
  });
  const node = await InspectorClient.open(port);
  await node.ask("Runtime.enable");
  await node.ask("Debugger.enable");
  return node;
}

/** Goes on from the stop before the first line. */
async function run(node: InspectorClient): Promise<void> {
  await node.ask("Runtime.runIfWaitingForDebugger");
  const { reason } = await node.event<Paused>("Debugger.paused");
  assert.equal(reason, "Break on start");
  await node.ask("Debugger.resume");
}

/** What a frame's variables are, by name. */
async function variables(client: DebugClient, frameId: number): Promise<Map<string, string>> {
  const { scopes } = await client.ask<{ scopes: { variablesReference: number }[] }>("scopes", { frameId });
  const found = new Map<string, string>();
  for (const { variablesReference } of scopes) {
    const { variables: list } = await client.ask<{ variables: { name: string; value: string }[] }>(
      "variables",
      { variablesReference },
    );
    for (const { name, value } of list) found.set(name, value);
  }
  return found;
}
