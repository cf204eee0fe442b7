import assert from "node:assert/strict";
import { test } from "node:test";
import { openPorts } from "../../../../engine/daemon/system/doctor.ts";
import type { VmPort } from "../../../../engine/protocol/network.ts";

const exposed: VmPort = { protocol: "tcp", guestPort: 90 };

function port(address: string): VmPort {
  return { protocol: "tcp", guestPort: 80, host: { address, port: 8080 } };
}

test("doctor names the VMs that other machines reach, and their ports", () => {
  const local = {
    name: "local",
    ports: [port("127.0.0.1"), port("::1"), exposed],
  };
  assert.equal(openPorts([local]).status, "ok");
  const { status, detail, hint } = openPorts([
    local,
    { name: "web", ports: [port("127.0.0.1"), port("0.0.0.0")] },
  ]);
  assert.deepEqual([status, detail], ["warning", "other machines reach web (0.0.0.0:8080->80/tcp)"]);
  assert.match(hint ?? "", /127\.0\.0\.1:8080:80/);
});
