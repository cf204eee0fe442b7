import assert from "node:assert/strict";
import { test } from "node:test";
import {
  reactionTo,
  tiedVms,
  tieLabels,
} from "../../../../extension/run-configurations/configuration-ties.ts";
import { vmSummary } from "../records.ts";

const tie = { name: "api", folder: "/home/me/shop" };

test("a configuration knows its VMs by their labels, the newest first", () => {
  const labels = tieLabels(tie);
  const old = vmSummary({ id: "old", labels, createdAt: "2026-01-01T00:00:00Z" });
  const young = vmSummary({ id: "young", labels, createdAt: "2026-01-02T00:00:00Z" });
  const ofOtherFolder = vmSummary({ id: "other", labels: tieLabels({ ...tie, folder: "/home/me/other" }) });
  const vms = [old, ofOtherFolder, vmSummary({ id: "stranger" }), young];
  assert.deepEqual(
    tiedVms(vms, tie).map(({ id }) => id),
    ["young", "old"],
  );
});

test("only to a VM of its own a configuration does what it says without a question", () => {
  const own = vmSummary({ labels: tieLabels(tie) });
  assert.equal(reactionTo(own, tie, undefined), "ask");
  assert.equal(reactionTo(own, tie, "replace"), "replace");
  assert.equal(reactionTo(own, tie, "start"), "start");
  assert.equal(reactionTo(vmSummary(), tie, "replace"), "ask");
  assert.equal(reactionTo(vmSummary({ labels: tieLabels({ ...tie, name: "db" }) }), tie, "replace"), "ask");
  assert.equal(reactionTo(own, undefined, "replace"), "ask");
});
