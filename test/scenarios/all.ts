import { after, before, describe } from "node:test";
import type { RuntimeName } from "../../engine/protocol/engine.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { Mocker } from "../support/mocker.ts";
import { checkpointScenarios } from "./checkpoints.ts";
import { controlScenarios } from "./control.ts";
import { commitScenarios, copyIntoScenarios } from "./copies.ts";
import { copyScenarios, imageCopyScenarios } from "./copy.ts";
import { crashScenarios } from "./crashes.ts";
import { dockerSocketScenarios } from "./docker-socket.ts";
import { exitCodeScenarios } from "./exit-codes.ts";
import { exportScenarios } from "./export.ts";
import { jailScenarios } from "./jail.ts";
import { lifecycleScenarios, recordScenarios } from "./lifecycle.ts";
import { networkScenarios } from "./network.ts";
import { pauseScenarios } from "./pause.ts";
import { policyScenarios } from "./policies.ts";
import { secretScenarios } from "./secrets.ts";
import { streamScenarios } from "./streams.ts";
import type { Suite } from "./suite.ts";
import { terminalScenarios } from "./terminal.ts";
import { volumeScenarios } from "./volumes.ts";

/** The whole list of what a VM must do, on one runtime; on the simulation also what is the same on both. */
export function allScenarios(runtime: RuntimeName): void {
  describe(`workloads on ${runtime}`, () => {
    let registry: Registry;
    let suite: Suite;
    before(async () => {
      registry = await startRegistry();
      const images = { busybox: `${registry.host}/busybox`, debian: `${registry.host}/debian` };
      suite = { runtime, mocker: new Mocker(), images };
      for (const image of Object.values(images)) await suite.mocker.ok(["pull", "-q", image]);
    });
    after(async () => {
      await suite?.mocker.close();
      await registry?.stop();
    });
    const get = (): Suite => suite;
    exitCodeScenarios(get);
    streamScenarios(get);
    secretScenarios(get);
    volumeScenarios(get);
    networkScenarios(get);
    lifecycleScenarios(get);
    policyScenarios(get);
    jailScenarios(get);
    exportScenarios(get);
    copyScenarios(get);
    copyIntoScenarios(get);
    commitScenarios(get);
    checkpointScenarios(get);
    terminalScenarios(get);
    crashScenarios(get);
    controlScenarios(get);
    pauseScenarios(get);
    dockerSocketScenarios(get);
    // The lab's time is dear: what cannot differ is shown once.
    if (runtime === "krun") return;
    recordScenarios(get);
    imageCopyScenarios(get);
  });
}
