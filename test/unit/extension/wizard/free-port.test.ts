import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { isFreePort } from "../../../../extension/wizard/free-port.ts";

test("a port is free while nobody listens there", async (context) => {
  const server = createServer();
  context.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  assert.equal(await isFreePort(address.port, "127.0.0.1"), false);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await isFreePort(address.port, "127.0.0.1"), true);
});
