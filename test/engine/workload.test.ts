import { after, before, describe } from "node:test";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { crashScenarios } from "../scenarios/crashes.ts";
import { exitCodeScenarios } from "../scenarios/exit-codes.ts";
import { lifecycleScenarios } from "../scenarios/lifecycle.ts";
import { streamScenarios } from "../scenarios/streams.ts";
import type { Suite } from "../scenarios/suite.ts";
import { terminalScenarios } from "../scenarios/terminal.ts";
import { volumeScenarios } from "../scenarios/volumes.ts";
import { Mocker } from "../support/mocker.ts";

describe("workloads on the simulation", () => {
  let registry: Registry;
  let suite: Suite;
  before(async () => {
    registry = await startRegistry();
    const images = { busybox: `${registry.host}/busybox`, debian: `${registry.host}/debian` };
    suite = { runtime: "simulation", mocker: new Mocker(), images };
    for (const image of Object.values(images)) await suite.mocker.ok(["pull", "-q", image]);
  });
  after(async () => {
    await suite?.mocker.close();
    await registry?.stop();
  });
  const get = (): Suite => suite;
  exitCodeScenarios(get);
  streamScenarios(get);
  volumeScenarios(get);
  lifecycleScenarios(get);
  terminalScenarios(get);
  crashScenarios(get);
});
