import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../../../../../engine/daemon/images/oci/manifest.ts";

test("text of a configuration that is no Unicode is read as Docker reads it", () => {
  const json = String.raw`{"rootfs":{"diff_ids":[]},"author":"\\ud800","config":{"Env":["PATH=/bin","A=\ud800x","B=\ud83d\ude00"],
    "Cmd":["/bin/echo","\udfff"],"WorkingDir":"/\ud800","User":"\ud800","Labels":{"\ud800":"\udc00"},"Volumes":{"/\ud800":{}}}}`;
  const { author, run } = parseConfig(Buffer.from(json), "it", 0);
  assert.equal(author, "\\ud800");
  assert.deepEqual(run.env, ["PATH=/bin", "A=\ufffdx", "B=\u{1f600}"]);
  assert.deepEqual(run.cmd, ["/bin/echo", "\ufffd"]);
  assert.deepEqual([run.workingDir, run.user, run.volumes], ["/\ufffd", "\ufffd", ["/\ufffd"]]);
  assert.deepEqual(run.labels, { "\ufffd": "\ufffd" });
});

test("a health check's times are read as milliseconds", () => {
  const read = (check: unknown) => {
    const json = { rootfs: { diff_ids: [] }, config: { Healthcheck: check } };
    return parseConfig(Buffer.from(JSON.stringify(json)), "it", 0).run.healthcheck;
  };
  const check = {
    Test: ["CMD-SHELL", "true"],
    Interval: 5e9,
    Timeout: 1.5e9,
    StartInterval: 1e8,
    Retries: 2,
  };
  assert.deepEqual(read(check), {
    ...{ test: ["CMD-SHELL", "true"], intervalMs: 5000, timeoutMs: 1500, startIntervalMs: 100, retries: 2 },
  });
  assert.equal(read(undefined), undefined);
  assert.equal(read({ Interval: 5e9 }), undefined);
});
