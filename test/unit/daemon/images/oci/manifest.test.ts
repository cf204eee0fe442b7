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
