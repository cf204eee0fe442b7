import assert from "node:assert/strict";
import { test } from "node:test";
import { credentialsFor, headerCredential } from "../../../../../engine/daemon/api/docker/registry-auth.ts";

const header = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

test("X-Registry-Auth is read as clients write it; what is none is nobody's", () => {
  const basic = { kind: "basic", username: "u", password: "p?>~" };
  assert.deepEqual(headerCredential(header({ username: "u", password: "p?>~" })), basic);
  // The alphabet of plain base64, with its padding.
  const plain = Buffer.from(JSON.stringify({ username: "u", password: "p?>~" })).toString("base64");
  assert.deepEqual(headerCredential(plain), basic);
  assert.deepEqual(headerCredential(header({ username: "u", identitytoken: "t" })), {
    kind: "identity",
    token: "t",
  });
  for (const none of [
    undefined,
    "",
    "e30=",
    "???",
    header([]),
    header(null),
    header("x"),
    header({ username: 1 }),
  ])
    assert.equal(headerCredential(none), undefined, none);
});

test("credentials are shown to the image's own registry alone", async () => {
  const find = credentialsFor("docker.io", header({ username: "u", password: "p" }));
  assert.deepEqual(await find("docker.io"), { kind: "basic", username: "u", password: "p" });
  assert.equal(await find("mirror.example"), undefined);
});
