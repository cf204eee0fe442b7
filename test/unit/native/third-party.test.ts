import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../support/paths.ts";

test("native/third_party has the header that its README names", () => {
  const directory = join(rootDir(), "native", "third_party", "nlohmann");
  const readme = readFileSync(join(directory, "README.md"), "utf8");
  const header = readFileSync(join(directory, "json.hpp"));
  const [, version] = /nlohmann\/json (\d+\.\d+\.\d+)\./.exec(readme) ?? [];
  const [, sum] = /sha256 {2}([0-9a-f]{64}) {2}json\.hpp/.exec(readme) ?? [];
  assert.equal(createHash("sha256").update(header).digest("hex"), sum);
  assert.match(
    header.subarray(0, 400).toString(),
    new RegExp(`version ${version?.replaceAll(".", "\\.")}\n`),
  );
});
