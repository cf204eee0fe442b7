import assert from "node:assert/strict";
import { test } from "node:test";
import { applyChanges } from "../../../engine/docker/config-changes.ts";

test("changes are read as a Dockerfile's instructions", () => {
  const config = applyChanges({ Env: ["A=0", "KEEP=1"], Cmd: ["old"] }, [
    "entrypoint echo hi",
    "ENV A 1 2",
    'LABEL a=b "c d"=\'e f\' g="h \\"i\\""',
    "VOLUME /a /b",
    'VOLUME ["/c d"]',
    "WORKDIR /srv\nWORKDIR sub",
    "USER 1:2",
    "STOPSIGNAL SIGINT",
    "ONBUILD RUN x",
    "EXPOSE 8000-8002",
    "HEALTHCHECK --interval=1m30s --retries=3 CMD curl -f localhost",
  ]);
  assert.deepEqual(config, {
    Entrypoint: ["/bin/sh", "-c", "echo hi"],
    Cmd: ["old"],
    Env: ["KEEP=1", "A=1 2"],
    Labels: { a: "b", "c d": "e f", g: 'h "i"' },
    Volumes: { "/a": {}, "/b": {}, "/c d": {} },
    WorkingDir: "/srv/sub",
    User: "1:2",
    StopSignal: "SIGINT",
    OnBuild: ["RUN x"],
    ExposedPorts: { "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {} },
    Healthcheck: { Test: ["CMD-SHELL", "curl -f localhost"], Interval: 90e9, Retries: 3 },
  });
  for (const bad of [
    "CMD",
    "ENV A",
    "LABEL a=b c",
    "EXPOSE x",
    "constructor x",
    "HEALTHCHECK x",
    "HEALTHCHECK --foo=1 CMD x",
  ])
    assert.throws(() => applyChanges({}, [bad]), /./, bad);
});
