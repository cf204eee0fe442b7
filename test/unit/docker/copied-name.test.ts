import assert from "node:assert/strict";
import { test } from "node:test";
import { copiedName } from "../../../engine/docker/copied-name.ts";

test("what cp copies is called by the last part of the path that was asked for", () => {
  const names: Record<string, string> = {
    "/srv/report.pdf": "report.pdf",
    "srv/d/": "d",
    "/d/../e": "e",
    "../x": "x",
    "/": ".",
    "": ".",
    ".": ".",
    "/d/..": ".",
    "/d/.": ".",
    "/d/./.": ".",
    "/d/.hidden": ".hidden",
  };
  for (const [path, name] of Object.entries(names)) assert.equal(copiedName(path), name, path);
});
