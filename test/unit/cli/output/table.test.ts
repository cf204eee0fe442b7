import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { alignTable, ellipsis, shortId } from "../../../../engine/cli/output/table.ts";

describe("tables", () => {
  test("columns are at least 10 wide and 3 apart; the last one is not padded", () => {
    assert.equal(
      alignTable("ID\tPORTS\tNAMES\nabcdefghijkl\t\tweb\n"),
      "ID             PORTS     NAMES\nabcdefghijkl             web\n",
    );
  });

  test("an ellipsis takes one column", () => {
    assert.equal(ellipsis("sleep infinity and more", 20), "sleep infinity and …");
    assert.equal(ellipsis("exactly twenty chars", 20), "exactly twenty chars");
    assert.equal(shortId(`sha256:${"0123456789abcdef".repeat(4)}`), "0123456789ab");
  });
});
