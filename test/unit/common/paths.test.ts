import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dataDir, runDir } from "../../../engine/common/paths.ts";

describe("paths", () => {
  test("data", () => {
    assert.equal(dataDir({ HOME: "/home/me" }), "/home/me/.local/share/mocker");
    assert.equal(dataDir({ HOME: "/home/me", XDG_DATA_HOME: "/data" }), "/data/mocker");
    assert.equal(dataDir({ HOME: "/home/me", XDG_DATA_HOME: "relative" }), "/home/me/.local/share/mocker");
    assert.equal(dataDir({ MOCKER_DATA_DIR: "/mine", XDG_DATA_HOME: "/data" }), "/mine");
  });

  test("sockets", () => {
    assert.equal(runDir({ XDG_RUNTIME_DIR: "/run/user/1" }), "/run/user/1/mocker");
    assert.equal(runDir({ MOCKER_RUN_DIR: "/mine", XDG_RUNTIME_DIR: "/run/user/1" }), "/mine");
    assert.match(runDir({}), /^(\/run\/user\/\d+\/mocker|\/run\/mocker|\/tmp\/mocker-\d+)$/);
  });
});
