import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { RuntimeName } from "../../../engine/protocol/engine.ts";
import { fixtureImage } from "../../fixtures/index.ts";
import { runTool } from "../../support/host.ts";
import { Mocker } from "../../support/mocker.ts";
import { type DebugClient, Debugging } from "./debug-client.ts";

const goProgram = `package main

func main() {
	total := 0
	for _, number := range []int{1, 2, 3} {
		total += number
	}
	println("total", total)
	panic("that is all")
}
`;

const cProgram = `#include <stdio.h>

int main(void) {
  int total = 0;
  for (int number = 1; number <= 3; number++) {
    total += number;
  }
  printf("total %d\\n", total);
  return total;
}
`;

/** Debuggers of compiled languages. Their images are large: `npm run quick-starts -- debuggers` runs them. */
export function adapterScenarios(runtime: RuntimeName): void {
  describe(`debuggers of compiled languages on ${runtime}`, () => {
    const mocker = new Mocker();
    const workspace = join(mocker.dir, "demo");
    let debugging: Debugging;
    before(async () => {
      mkdirSync(workspace);
      for (const name of ["delve", "lldb"] as const) {
        const image = (await mocker.ok(["pull", "-q", `oci:${await fixtureImage(name)}:latest`])).trim();
        await mocker.ok(["tag", image, name]);
      }
      debugging = await Debugging.open(mocker, workspace, runtime);
    });
    after(async () => {
      await debugging?.close();
      await mocker.close();
    });

    const noVms = () => mocker.until(["ps", "-aq"], /^$/);

    test("Go is built in the VM, stops at a conditional breakpoint and at a panic, and starts again in the same VM", async () => {
      const path = join(workspace, "main.go");
      writeFileSync(path, goProgram);
      writeFileSync(join(workspace, "go.mod"), "module example.org/demo\n\ngo 1.19\n");
      const configuration = { image: "delve", program: "main.go" };
      const first = debugging.begin(configuration);
      await first.launch(path, [{ line: 6, condition: "number == 3" }]);
      const { threadId } = await stopsAt(first, path, 6);
      await first.ask("continue", { threadId });
      const panic = await first.stopped(1);
      assert.match(panic.reason, /exception|panic/);
      const ids = await mocker.ok(["ps", "-aq"]);
      await first.ask("disconnect", { restart: true, terminateDebuggee: true });

      const again = debugging.begin(configuration);
      await again.launch(path, [{ line: 8 }]);
      await stopsAt(again, path, 8, "6");
      assert.equal(await mocker.ok(["ps", "-aq"]), ids);
      await again.ask("disconnect", { terminateDebuggee: true });
      await noVms();
    });

    test("a program that was built on the host stops under the adapter that the image has", async () => {
      const path = join(workspace, "main.c");
      writeFileSync(path, cProgram);
      await runTool("gcc", ["-g", "-O0", "-static", "-o", join(workspace, "main"), path]);
      const client = debugging.begin({ image: "lldb", program: "main" });
      await client.launch(path, [{ line: 6, condition: "number == 3" }]);
      const { threadId } = await stopsAt(client, path, 6);
      await client.ask("continue", { threadId });
      assert.equal((await client.event<{ exitCode: number }>("exited")).exitCode, 6);
      assert.match(client.output(), /total 6/);
      await client.event("terminated");
      await client.ask("disconnect");
      await noVms();
    });
  });
}

/** Waits for the first stop, which must be there; `total` is what the variable is. */
async function stopsAt(client: DebugClient, path: string, line: number, total = "3") {
  const { reason, threadId, frame } = await client.stopped();
  assert.deepEqual([reason, frame.line, frame.source.path], ["breakpoint", line, path]);
  const { result } = await client.ask<{ result: string }>("evaluate", {
    expression: "total",
    frameId: frame.id,
    context: "watch",
  });
  assert.equal(result, total);
  return { threadId };
}
