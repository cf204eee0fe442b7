import assert from "node:assert/strict";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

export function checkpointScenarios(get: () => Suite): void {
  test("checkpoint: a VM starts again with the files that it had, as often as one likes", async () => {
    const { mocker, images } = get();
    // Prints what it finds, and adds a line.
    const script = [
      "cat /root/log 2>/dev/null",
      "if [ ! -e /root/log ]; then mkdir -m 700 /root/closed; chown 1000:1 /root/closed; ln -s log /root/link; fi",
      "stat -c '%u:%g %a' /root/closed; rm -f /etc/group; echo line >>/root/log; sync",
    ].join("; ");
    await mocker.ok(["create", "--name", "saved", images.busybox, "sh", "-c", script]);
    assert.equal(await mocker.ok(["start", "-a", "saved"]), "1000:1 700\n");
    assert.equal(await mocker.ok(["checkpoint", "create", "saved", "one"]), "one\n");
    assert.equal(await mocker.ok(["start", "-a", "saved"]), "line\n1000:1 700\n");
    assert.equal(await mocker.ok(["start", "-a", "saved"]), "line\nline\n1000:1 700\n");
    for (let round = 0; round < 2; round++) {
      assert.equal(await mocker.ok(["start", "-a", "--checkpoint", "one", "saved"]), "line\n1000:1 700\n");
    }
    assert.match(await mocker.ok(["diff", "saved"]), /^D \/etc\/group$/m);
    assert.equal(await mocker.ok(["checkpoint", "ls", "saved"]), "CHECKPOINT NAME\none\n");

    await mocker.ok(["run", "-d", "--name", "busy", images.busybox, "sleep", "1000"]);
    const refused = await mocker.run(["checkpoint", "create", "busy", "one"]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /is running, and a checkpoint has no memory.*\nhint: .*mocker stop busy/);
    await mocker.ok(["checkpoint", "rm", "saved", "one"]);
    assert.equal(await mocker.ok(["checkpoint", "ls", "saved"]), "CHECKPOINT NAME\n");
    await mocker.ok(["rm", "-f", "saved", "busy"]);
  });
}
