import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { defaultHostAddress } from "../../../../engine/daemon/networks/network-settings.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";

test("ports are published where the settings say, on all addresses without them, and nowhere by mistake", () => {
  const dir = tmpDir();
  assert.equal(defaultHostAddress(dir), "");
  const write = (text: string): void => writeFileSync(join(dir, "engine.json"), text);
  write('{ "ip": "127.0.0.1", "registry-mirrors": [] }');
  assert.equal(defaultHostAddress(dir), "127.0.0.1");
  for (const [text, message] of [
    ['{ "ip": "localhost" }', /engine\.json: "ip" must be an IP address/],
    ["{", /engine\.json: it is not valid JSON/],
    ["[]", /engine\.json: it is no JSON object/],
  ] as const) {
    write(text);
    assert.throws(() => defaultHostAddress(dir), { code: "INVALID_ARGUMENT", message });
  }
});
