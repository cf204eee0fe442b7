import { test } from "node:test";
import { runCampaign } from "../faults/campaign.ts";
import { startRegistry } from "../fixtures/registry.ts";

test("nothing is lost, stuck or left by 300 kills of engines, monitors, VMs, networks and clients", async (context) => {
  const registry = await startRegistry();
  try {
    const seed = Date.now() % 1_000_000;
    context.diagnostic(await runCampaign({ seed, kills: 300, image: `${registry.host}/busybox` }));
  } finally {
    await registry.stop();
  }
});
