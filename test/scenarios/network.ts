import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Suite } from "./suite.ts";

export function networkScenarios(get: () => Suite): void {
  const server = createServer((_, response) => response.end("from the host\n"));
  before(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  after(() => server.close());
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  test("a guest reaches a server on the host's loopback", async () => {
    const { mocker, images } = get();
    const run = await mocker.run(["run", "--rm", images.busybox, "wget", "-q", "-O", "-", url()]);
    assert.equal(run.stdout.toString(), "from the host\n", run.stderr);
  });

  test("--network none reaches nothing", async () => {
    const { mocker, images } = get();
    const run = await mocker.run([
      "run",
      "--rm",
      "--network",
      "none",
      images.busybox,
      "wget",
      "-q",
      "-T",
      "3",
      "-O",
      "-",
      url(),
    ]);
    assert.notEqual(run.code, 0);
    assert.equal(run.stdout.toString(), "");
  });
}
