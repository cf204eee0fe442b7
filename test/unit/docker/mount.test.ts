import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMount, parseTmpfs, parseVolume, parseVolumesFrom } from "../../../engine/docker/mount.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";

const refuses = (message: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof MockerError, String(error));
  assert.equal(error.code, "MOUNT_INVALID");
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

test("-v: relative sources start at the working directory, options that mean nothing here are taken", () => {
  const mount = (text: string) => parseVolume(text, "/here");
  assert.deepEqual(mount("/a:/b"), { type: "bind", source: "/a", target: "/b", readOnly: false });
  assert.deepEqual(mount("./a:/b/../c/:ro"), {
    type: "bind",
    source: "/here/a",
    target: "/c/",
    readOnly: true,
  });
  assert.deepEqual(mount("..:/b:rw,z,rshared"), { type: "bind", source: "/", target: "/b", readOnly: false });
});

test("-v: what is no path names a volume, and a target alone is an anonymous one", () => {
  const mount = (text: string) => parseVolume(text, "/here");
  assert.deepEqual(mount("data:/b:ro"), { type: "volume", name: "data", target: "/b", readOnly: true });
  assert.deepEqual(mount("/anonymous"), { type: "volume", target: "/anonymous", readOnly: false });
  assert.deepEqual(mount("data:/b:nocopy,Z"), {
    type: "volume",
    name: "data",
    target: "/b",
    readOnly: false,
    noCopy: true,
  });
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
    ["/a:/b:nocopy", /^invalid volume specification: .* field VolumeOptions must not be specified$/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseVolume(text, "/"), refuses(message));
});

test("--mount: keys in any order and with their other names", () => {
  const expected = { type: "bind", source: "/here/a", mustExist: true, target: "/b", readOnly: true };
  for (const text of [
    "type=bind,source=./a,target=/b,readonly",
    "dst=/b,SRC=./a,ro=1,Type=BIND",
    "type=bind,src=./a,destination=/b,readonly=true,bind-propagation=rprivate",
  ])
    assert.deepEqual(parseMount(text, "/here"), expected, text);
  assert.deepEqual(parseMount("type=bind,src=/a,dst=/b,ro=false", "/"), {
    type: "bind",
    source: "/a",
    mustExist: true,
    target: "/b",
    readOnly: false,
  });
  assert.deepEqual(parseMount("src=data,dst=/b", "/"), {
    type: "volume",
    name: "data",
    target: "/b",
    readOnly: false,
  });
  assert.deepEqual(parseMount("dst=/b,readonly", "/"), { type: "volume", target: "/b", readOnly: true });
  assert.deepEqual(parseMount("type=tmpfs,dst=/b,tmpfs-size=64m", "/"), {
    type: "tmpfs",
    sizeBytes: 64 * 1024 * 1024,
    target: "/b",
    readOnly: false,
  });
});

test("--mount: what is wrong is said", () => {
  const cases: [text: string, message: RegExp][] = [
    ["type=bind,src=/a", /^Error: target is required$/],
    ["type=bind,dst=/b", /^Error: source is required$/],
    [
      "type=npipe,src=/a,dst=/b",
      /^Error: mounts of type "npipe" are not supported: use bind, volume or tmpfs$/,
    ],
    ["type=tmpfs,src=/a,dst=/b", /^Error: a tmpfs has no source$/],
    [
      "type=bind,src=/a,dst=/b,tmpfs-size=1m",
      /^Error: cannot mix 'tmpfs-\*' options with mount type 'bind'$/,
    ],
    ["type=tmpfs,dst=/b,volume-nocopy", /^Error: cannot mix 'volume-\*' options with mount type 'tmpfs'$/],
    ["src=v1,dst=/b,volume-nocopy=x", /^Error: invalid value for volume-nocopy: x$/],
    ["type=tmpfs,dst=/b,tmpfs-mode=9", /^Error: invalid value for tmpfs-mode: 9$/],
    ["type=bind,src=/a,dst=/b,bind-propagation=odd", /^Error: invalid propagation mode: odd$/],
    ["type=bind,src=/a,dst=/b,bind-nonrecursive", /^Error: bind-nonrecursive is not supported/],
    ["type=bind,src=/a,dst=/b,bind-recursive=disabled", /^Error: bind-recursive=disabled is not supported/],
    ["type=bind,src=a,dst=/b", /^Error: source must be a path/],
    ["type=bind,src=/a,dst=/b,ro=maybe", /^Error: invalid value for ro: maybe$/],
    ["type=bind,src=/a,dst=/b,x=1", /^Error: unexpected key 'x' in 'x=1'$/],
    ["bind", /^Error: invalid field 'bind' must be a key=value pair$/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseMount(text, "/"), message);
  assert.throws(() => parseMount("type=bind,src=/a,dst=b", "/"), refuses(/must be absolute/));
});

test("--mount: what a volume is made with, and what is mounted of it", () => {
  assert.deepEqual(
    parseMount(
      "src=data,dst=/b,volume-nocopy,volume-driver=local,volume-opt=type=none,volume-opt=device=/x,volume-label=a=1,volume-label=b,volume-subpath=s/t",
      "/",
    ),
    {
      type: "volume",
      name: "data",
      target: "/b",
      readOnly: false,
      noCopy: true,
      driver: "local",
      options: { type: "none", device: "/x" },
      labels: { a: "1", b: "" },
      subpath: "s/t",
    },
  );
  assert.deepEqual(parseMount("type=tmpfs,dst=/b,tmpfs-mode=0770", "/"), {
    type: "tmpfs",
    options: ["mode=0770"],
    target: "/b",
    readOnly: false,
  });
});

test("--tmpfs: words of mount(8)", () => {
  assert.deepEqual(parseTmpfs("/run"), { type: "tmpfs", options: [], target: "/run", readOnly: false });
  assert.deepEqual(parseTmpfs("/run/../tmp:ro,exec,size=50%,mode=1770"), {
    type: "tmpfs",
    options: ["exec", "size=50%", "mode=1770"],
    target: "/tmp",
    readOnly: true,
  });
  assert.throws(() => parseTmpfs("/run:fast"), refuses('invalid tmpfs option ["fast"]'));
  assert.throws(() => parseTmpfs("/run:source=/etc"), refuses('invalid tmpfs option ["source"]'));
  assert.throws(() => parseTmpfs("run"), refuses(/must be absolute/));
});

test("--volumes-from: a VM and how its mounts come along", () => {
  assert.deepEqual(parseVolumesFrom("box"), { vm: "box", readOnly: false });
  assert.deepEqual(parseVolumesFrom("box:ro"), { vm: "box", readOnly: true });
  assert.throws(() => parseVolumesFrom("box:odd"), refuses("invalid mode: odd"));
  assert.throws(() => parseVolumesFrom(":ro"), refuses("invalid volumes-from format: :ro"));
});
