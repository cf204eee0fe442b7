import assert from "node:assert/strict";
import { test } from "node:test";
import { imageTexts, matchesImage } from "../../../../extension/views/image-filter.ts";
import { imageSummary } from "../records.ts";

const image = imageSummary({
  id: "sha256:0123456789abcdef",
  repoTags: ["alpine:3.20", "127.0.0.1:5000/team/base:1"],
});

test("an image is found by any of its names and by its ID", () => {
  for (const filter of ["", "ALPINE", "team base", "0123456", "3.20 5000"]) {
    assert.ok(matchesImage(image, filter), filter);
  }
  assert.equal(matchesImage(image, "alpine debian"), false);
});

test("the view says its filter, and that nothing has its words", () => {
  assert.deepEqual(imageTexts([image], ""), { description: "", message: "" });
  assert.deepEqual(imageTexts([image], "alp"), { description: "“alp”", message: "" });
  assert.deepEqual(imageTexts([image], "x"), { description: "“x”", message: "Nothing matches “x”." });
  assert.deepEqual(imageTexts([], "x"), { description: "“x”", message: "" });
});
