import assert from "node:assert/strict";
import { test } from "node:test";
import { newestCargo } from "../../../native/tools/apt.mjs";

function policy(versions: Record<string, string>): string {
  return Object.entries(versions)
    .map(
      ([name, version]) =>
        `${name}:\n  Installed: (none)\n  Candidate: ${version}\n  Version table:\n` +
        `     ${version} 500\n        500 a mirror bookworm/main amd64 Packages\n     1.99.0 500\n`,
    )
    .join("");
}

test("Debian 12: the newest cargo is the one beside the release's own", () => {
  const debian12 = policy({ "rustc-web": "1.96.0+dfsg1-1~deb12u2", rustc: "1.63.0+dfsg1-2" });
  assert.equal(newestCargo(debian12, "1.87"), "cargo-web");
});

test("Ubuntu: versions are compared as numbers", () => {
  const ubuntu = policy({
    rustc: "1.75.0+dfsg0ubuntu1-0ubuntu7",
    "rustc-1.100": "1.100.0+dfsg-0ubuntu1",
    "rustc-1.89": "1.89.0+dfsg-0ubuntu1",
  });
  assert.equal(newestCargo(ubuntu, "1.87"), "cargo-1.100");
});

test("none, if all are too old or cannot be installed, or apt knows none", () => {
  assert.equal(newestCargo(policy({ rustc: "1.63.0+dfsg1-2", "rustc-web": "(none)" }), "1.87"), undefined);
  assert.equal(newestCargo("", "1.87"), undefined);
});
