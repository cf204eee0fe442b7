import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { main } from "../../../../../../engine/cli/program.ts";
import { MockerError, vmList, vmStats, vmTop } from "../../../../../../engine/protocol/index.ts";
import { vmStats as sampleOf, vmId, vmSummary } from "../../../fixtures.ts";
import { type Result, Setup } from "../../../harness.ts";

describe("stats and top", () => {
  let setup: Setup;
  before(async () => {
    setup = await Setup.create();
    let readAtMs = 0;
    setup.engine
      .handle(vmList, ({ all }) => [
        vmSummary(),
        ...(all ? [vmSummary({ id: "77".repeat(32), name: "ended", state: "exited" })] : []),
      ])
      .handle(vmStats, ({ vm }) => {
        if (vm === "gone") throw new MockerError("VM_NOT_FOUND", "No such container: gone");
        if (vm === "frozen") throw new MockerError("AGENT_UNREACHABLE", "the guest agent did not answer");
        if (vm.startsWith("77")) return sampleOf({ id: vm, name: "ended", running: false, pids: 0 });
        // Half a CPU, whenever it is asked.
        readAtMs += 1000;
        return sampleOf({ readAtMs, cpuMs: readAtMs / 2 });
      });
  });
  after(() => setup.close());
  const run = (...argv: string[]): Promise<Result> => setup.run(argv);

  test("--no-stream prints Docker's table once, with what was used within a second", async () => {
    assert.equal(
      (await setup.run(["stats", "--no-stream"])).stdout,
      "CONTAINER ID   NAME          CPU %     MEM USAGE / LIMIT   MEM %     NET I/O         BLOCK I/O    PIDS\n" +
        "4f2a4f2a4f2a   brave_otter   50.00%    100MiB / 512MiB     19.53%    1.23kB / 456B   7.8MB / 0B   5\n",
    );
    const names = await setup.run([
      "stats",
      "-a",
      "--no-stream",
      "--no-trunc",
      "--format",
      "{{.ID}} {{.Name}} {{.CPUPerc}}",
    ]);
    assert.equal(names.stdout, `${vmId} brave_otter 50.00%\n${"77".repeat(32)} ended 0.00%\n`);
  });

  test("a VM that there is not is an error, one that does not answer is dashes", async () => {
    assert.deepEqual(await setup.run(["stats", "--no-stream", "gone"]), {
      code: 1,
      stdout: "",
      stderr: "mocker: No such container: gone\n",
    });
    const format = "{{.Container}} {{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}";
    const { stdout } = await setup.run(["stats", "--no-stream", "--format", format, "frozen"]);
    assert.equal(stdout, "frozen -- -- -- / -- --\n");
  });

  test("on a terminal the table is drawn in place, until Ctrl-C", async () => {
    const io = setup.io({ terminal: { rows: 24, columns: 80 } });
    const running = main(["stats", "box"], io);
    while (io.output().split("\u001b[H").length < 3) await new Promise((resolve) => setImmediate(resolve));
    io.signal("SIGINT");
    assert.equal(await running, 130);
    assert.match(
      io.output(),
      /^\u001b\[2J\u001b\[HCONTAINER ID .*\u001b\[K\n4f2a.*\u001b\[K\n\u001b\[J\u001b\[HCONTAINER ID /,
    );
  });

  test("top has columns of twenty, and hands ps's options on", async () => {
    setup.engine.handle(vmTop, () => ({
      titles: ["PID", "TTY", "CMD"],
      processes: [
        ["7", "?", "sleep 1000"],
        ["1234", "a-terminal-with-a-long-name", "x"],
      ],
    }));
    assert.equal(
      (await run("top", "box", "-o", "pid,tname,cmd")).stdout,
      "PID                 TTY                           CMD\n" +
        "7                   ?                             sleep 1000\n" +
        "1234                a-terminal-with-a-long-name   x\n",
    );
    assert.deepEqual(setup.engine.paramsOf("vm/top"), { vm: "box", psArgs: "-o pid,tname,cmd" });
    await run("top", "box");
    assert.deepEqual(setup.engine.calls.at(-1)?.params, { vm: "box" });
    assert.match((await run("top")).stderr, /'mocker top' requires at least 1 argument/);
  });
});
