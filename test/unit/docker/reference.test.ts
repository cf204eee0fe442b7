import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canonical,
  canonicalRepository,
  familiar,
  familiarReference,
  familiarRepository,
  isNameOnly,
  isUntagged,
  parseReference,
  pullingFrom,
  splitTransport,
  tryParseReference,
} from "../../../engine/docker/reference.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";

const digest = `sha256:${"a1".repeat(32)}`;

const valid: [text: string, canonical: string, familiar: string][] = [
  ["alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"],
  ["library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["index.docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["docker.io/a/b:c", "docker.io/a/b:c", "a/b:c"],
  ["library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
  ["a/b", "docker.io/a/b:latest", "a/b:latest"],
  [
    "docker.io/docker.io/localhost/c",
    "docker.io/docker.io/localhost/c:latest",
    "docker.io/docker.io/localhost/c:latest",
  ],
  ["docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"],
  ["ghcr.io/a/b", "ghcr.io/a/b:latest", "ghcr.io/a/b:latest"],
  ["localhost/a", "localhost/a:latest", "localhost/a:latest"],
  ["localhost:5000/a:b", "localhost:5000/a:b", "localhost:5000/a:b"],
  ["127.0.0.1:5000/debian", "127.0.0.1:5000/debian:latest", "127.0.0.1:5000/debian:latest"],
  ["[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"],
  ["Registry.Example/x", "Registry.Example/x:latest", "Registry.Example/x:latest"],
  ["LOCAL/x", "LOCAL/x:latest", "LOCAL/x:latest"],
  ["a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest", "a__b/c--d.e_f:latest"],
  [`alpine@${digest}`, `docker.io/library/alpine@${digest}`, `alpine@${digest}`],
  [`alpine:1@${digest}`, `docker.io/library/alpine:1@${digest}`, `alpine:1@${digest}`],
  [`alpine:${"x".repeat(128)}`, `docker.io/library/alpine:${"x".repeat(128)}`, `alpine:${"x".repeat(128)}`],
  ["alpine:_tag.With-All", "docker.io/library/alpine:_tag.With-All", "alpine:_tag.With-All"],
];

for (const [text, whole, short] of valid)
  test(`${text.slice(0, 60)} is a reference`, () => {
    assert.equal(canonical(parseReference(text)), whole);
    assert.equal(familiar(parseReference(text)), short);
    assert.deepEqual(parseReference(short), parseReference(text), "the short form means the same");
  });

const invalid: [text: string, message: RegExp][] = [
  ["", /at least one component/],
  ["Alpine", /repository name \(library\/Alpine\) must be lowercase/],
  ["ghcr.io/Foo/bar", /repository name \(Foo\/bar\) must be lowercase/],
  ["a".repeat(300), /not be more than 255 characters/],
  ["a1".repeat(32), /cannot specify 64-byte hexadecimal strings/],
  [":tag", /at least one component|invalid reference format/],
  ["alpine:", /no valid tag/],
  [`alpine:${"x".repeat(129)}`, /no valid tag/],
  ["alpine:a b", /no valid tag/],
  ["alpine@sha256:abc", /no digest/],
  ["alpine@", /no digest/],
  [`alpine@md5:${"a".repeat(32)}`, /no digest/],
  [`alpine@${digest.toUpperCase()}`, /no digest/],
  ["a//b", /invalid reference format/],
  ["/a", /invalid reference format/],
  ["a/", /invalid reference format|at least one/],
  ["-a", /invalid reference format/],
  ["a-", /invalid reference format/],
  ["a..b", /invalid reference format/],
  ["a___b", /invalid reference format/],
  ["localhost:port/a", /invalid reference format/],
  ["bad_host.com/a", /invalid reference format/],
  ["../../etc/passwd", /invalid reference format/],
  ["a b", /invalid reference format/],
  ["a\u0000b", /invalid reference format/],
  ["https://example.com/a", /invalid reference format/],
  ["äpfel", /invalid reference format/],
];

for (const [text, message] of invalid)
  test(`${JSON.stringify(text.slice(0, 40))} is refused`, () => {
    assert.throws(
      () => parseReference(text),
      (error) =>
        error instanceof MockerError &&
        error.code === "INVALID_REFERENCE" &&
        message.test(error.message) &&
        (error.hint ?? "").includes("REPOSITORY"),
    );
  });

test("what the command line shows of a reference that was typed", () => {
  const cases: [typed: string, familiar: string, repository: string, pulling: string | undefined][] = [
    ["alpine", "alpine:latest", "docker.io/library/alpine", "latest: Pulling from library/alpine"],
    ["docker.io/library/alpine:3", "alpine:3", "docker.io/library/alpine", "3: Pulling from library/alpine"],
    ["me/tool", "me/tool:latest", "docker.io/me/tool", "latest: Pulling from me/tool"],
    ["library/a/b", "library/a/b:latest", "docker.io/library/a/b", "latest: Pulling from library/a/b"],
    [
      "127.0.0.1:5000/debian",
      "127.0.0.1:5000/debian:latest",
      "127.0.0.1:5000/debian",
      "latest: Pulling from debian",
    ],
    ["localhost/x/y:1", "localhost/x/y:1", "localhost/x/y", "1: Pulling from x/y"],
    [
      `alpine@${digest}`,
      `alpine@${digest}`,
      "docker.io/library/alpine",
      `${digest}: Pulling from library/alpine`,
    ],
    [
      `alpine:3@${digest}`,
      `alpine@${digest}`,
      "docker.io/library/alpine",
      `${digest}: Pulling from library/alpine`,
    ],
  ];
  for (const [typed, shown, repository, pulling] of cases) {
    assert.equal(familiarReference(typed), shown);
    assert.equal(familiarRepository(typed), familiarReference(`${repository}:x`).replace(/:x$/, ""));
    assert.equal(canonicalRepository(typed), repository);
    assert.equal(pullingFrom(typed), pulling);
  }
  assert.equal(familiarReference("oci:/dir:tag"), "oci:/dir:tag");
  assert.equal(pullingFrom("oci:/dir:tag"), undefined);
  assert.equal(familiarReference("No Reference"), "No Reference");
});

test("what is a name alone, and what is none at all", () => {
  for (const text of ["alpine", "127.0.0.1:5000/debian"]) {
    assert.ok(isNameOnly(text), text);
    assert.ok(isUntagged(text), text);
  }
  for (const text of [
    "debian:12",
    `debian@${digest}`,
    "docker-archive:file.tar",
    "a1".repeat(32),
    "Not a name",
  ])
    assert.ok(!isUntagged(text), text);
  for (const text of ["debian:12", `debian@${digest}`, "host:5000/a:b"]) assert.ok(!isNameOnly(text), text);
  assert.equal(tryParseReference("A"), undefined);
});

test("transports name images elsewhere; a registry that is called like one does not", () => {
  assert.deepEqual(splitTransport("oci:dir:tag"), { transport: "oci", rest: "dir:tag" });
  assert.deepEqual(splitTransport("docker-archive:a.tar"), { transport: "docker-archive", rest: "a.tar" });
  for (const text of ["oci/image:1", "oci", "ocix:dir", ":x", ""])
    assert.equal(splitTransport(text), undefined, text);
});
