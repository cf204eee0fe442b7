import assert from "node:assert/strict";
import { test } from "node:test";
import { nameAndRegistry, shortReference } from "../../../../extension/views/short-reference.ts";

test("a reference that fits stays; else its registry goes, then the middle of its name", () => {
  assert.equal(shortReference("alpine:3.20"), "alpine:3.20");
  assert.equal(shortReference("127.0.0.1:36627/debian:latest"), "…/debian:latest");
  assert.equal(shortReference("registry.example.com/team/project/app:1.2.3"), "…/app:1.2.3");
  assert.equal(shortReference("ghcr.io/owner/a-very-long-image-name:2024-01-31"), "…/a-very-lo…2024-01-31");
  assert.equal(shortReference(`alpine@sha256:${"0123456789abcdef".repeat(4)}`), "alpine@sha2…6789abcdef");
  assert.equal(shortReference("docker-archive:/home/user/images/app.tar"), "…/app.tar");
});

test("none is longer than there is room for", () => {
  for (const reference of ["x".repeat(300), `a/${"b".repeat(300)}`, `${"c".repeat(300)}/d`, "oci:/"]) {
    assert.ok(shortReference(reference).length <= 22, reference);
  }
});

test("a registry is told from an image's name", () => {
  const parts = (reference: string) => Object.values(nameAndRegistry(reference));
  assert.deepEqual(parts("alpine:3.20"), ["alpine:3.20", ""]);
  assert.deepEqual(parts("bitnami/redis:7"), ["bitnami/redis:7", ""]);
  assert.deepEqual(parts("127.0.0.1:36627/debian:latest"), ["debian:latest", "127.0.0.1:36627"]);
  assert.deepEqual(parts("ghcr.io/owner/app:1"), ["app:1", "ghcr.io/owner"]);
  assert.deepEqual(parts("localhost/app@sha256:abcdef…"), ["app@sha256:abcdef…", "localhost"]);
});
