import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMount, parseVolume } from "../../../engine/docker/volume.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";

const refuses = (message: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof MockerError, String(error));
  assert.equal(error.code, "MOUNT_INVALID");
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

test("-v: relative sources start at the working directory, options that mean nothing here are taken", () => {
  const mount = (text: string) => parseVolume(text, "/work");
  assert.deepEqual(mount("/a:/b"), { source: "/a", target: "/b", readOnly: false });
  assert.deepEqual(mount("./a:/b/../c/:ro"), { source: "/work/a", target: "/c/", readOnly: true });
  assert.deepEqual(mount("..:/b:rw,z,rshared"), { source: "/", target: "/b", readOnly: false });
  assert.equal(mount("/anonymous"), undefined);
});

test("-v: what Docker refuses is refused in its words", () => {
  const cases: [text: string, message: string | RegExp][] = [
    ["", "invalid empty volume spec"],
    ["a::b", "invalid spec: a::b: empty section between colons"],
    ["/a:/b:ro:x", /too many colons/],
    ["/a:rel", "invalid mount path: 'rel' mount path must be absolute"],
    ["/a:/", "invalid specification: destination can't be '/'"],
    ["/a:/b/..", "invalid specification: destination can't be '/'"],
    ["/a:/b:wo", "invalid mode: wo"],
    ["name:/data", /named volumes are not supported yet/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseVolume(text, "/"), refuses(message));
});

test("--mount: keys in any order and with their other names", () => {
  const expected = { source: "/work/a", target: "/b", readOnly: true };
  for (const text of [
    "type=bind,source=./a,target=/b,readonly",
    "dst=/b,SRC=./a,ro=1,Type=BIND",
    "type=bind,src=./a,destination=/b,readonly=true,bind-propagation=rprivate",
  ])
    assert.deepEqual(parseMount(text, "/work"), expected, text);
  assert.deepEqual(parseMount("type=bind,src=/a,dst=/b,ro=false", "/"), {
    source: "/a",
    target: "/b",
    readOnly: false,
  });
});

test("--mount: what is wrong is said", () => {
  const cases: [text: string, message: RegExp][] = [
    ["type=bind,src=/a", /^Error: target is required$/],
    ["type=bind,dst=/b", /^Error: source is required$/],
    ["src=/a,dst=/b", /^Error: mounts of type "volume" are not supported: use type=bind$/],
    ["type=bind,src=a,dst=/b", /^Error: source must be a path/],
    ["type=bind,src=/a,dst=/b,ro=maybe", /^Error: invalid value for ro: maybe$/],
    ["type=bind,src=/a,dst=/b,x=1", /^Error: unexpected key 'x' in 'x=1'$/],
    ["bind", /^Error: invalid field 'bind' must be a key=value pair$/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseMount(text, "/"), message);
  assert.throws(() => parseMount("type=bind,src=/a,dst=b", "/"), refuses(/must be absolute/));
});
