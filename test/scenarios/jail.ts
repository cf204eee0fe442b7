import assert from "node:assert/strict";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

interface Layer {
  name: string;
  on: boolean;
  detail?: string;
}

export function jailScenarios(get: () => Suite): void {
  test("what contains a running VM is told, and what was asked for", async () => {
    const { runtime, mocker, images } = get();
    const options = ["--security-opt", "jail=weak", "--security-opt", "no-new-privileges"];
    const script = "grep NoNewPrivs /proc/self/status; exec sleep 1000";
    await mocker.ok(["run", "-d", "--name", "jailed", ...options, images.busybox, "sh", "-c", script]);
    try {
      const [{ HostConfig, Mocker }] = JSON.parse(await mocker.ok(["inspect", "jailed"]));
      assert.deepEqual(HostConfig.SecurityOpt, ["jail=weak", "no-new-privileges"]);
      const status = await mocker.ok(["ps", "--filter", "name=jailed", "--format", "{{.Status}}"]);
      // It may be contained by less, and is not.
      assert.doesNotMatch(status, /weak jail/);
      assert.match(await mocker.ok(["info"]), /^ {2}Weakly Jailed: 0$/m);
      assert.match(await mocker.ok(["exec", "jailed", "grep", "NoNewPrivs", "/proc/self/status"]), /\t1$/m);
      assert.match(await mocker.ok(["logs", "jailed"]), /^NoNewPrivs:\t1$/m);
      if (runtime === "simulation") return;
      const layers = new Map((Mocker.jail as Layer[]).map((layer) => [layer.name, layer]));
      for (const name of ["own root", "user namespace", "PID namespace", "network namespace"]) {
        assert.equal(layers.get(name)?.on, true, name);
      }
      assert.deepEqual(layers.get("seccomp"), { name: "seccomp", on: true, detail: "allow list" });
    } finally {
      await mocker.ok(["rm", "-f", "jailed"]);
    }
  });

  test("an option that means nothing is refused, and one without effect is said to be so", async () => {
    const { mocker, images } = get();
    const refused = await mocker.run(["run", "--rm", "--security-opt", "colour=red", images.busybox, "true"]);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /invalid --security-opt 2: "colour=red"/);
    const id = await mocker.run(["create", "--security-opt", "seccomp=unconfined", images.busybox, "true"]);
    assert.match(id.stderr, /--security-opt seccomp=unconfined has no effect: /);
    await mocker.ok(["rm", id.stdout.toString().trim()]);
  });
}
