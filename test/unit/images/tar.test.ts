import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  defaultLimits,
  LayerConverter,
  type LayerLimits,
} from "../../../engine/images/layers/layer-converter.ts";
import { kind } from "../../../engine/images/layers/layer-index.ts";
import { LayerMerge } from "../../../engine/images/layers/layer-merge.ts";
import type { Inode } from "../../../engine/images/layers/tree.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { type Entry, makeTar } from "./support.ts";

const dir = tmpDir();
let files = 0;

interface Layer {
  index: Buffer;
  data: Buffer;
}

function convert(tar: Buffer, limits: Partial<LayerLimits> = {}, piece = 1 << 20): Layer {
  const dataPath = join(dir, `data-${files++}`);
  const converter = new LayerConverter(dataPath, { ...defaultLimits, ...limits });
  try {
    for (let at = 0; at < tar.length; at += piece) converter.push(tar.subarray(at, at + piece), tar.length);
    const index = Buffer.concat(converter.finish());
    return { index, data: readFileSync(dataPath) };
  } finally {
    converter.close();
  }
}

/** The root directory of layers. */
async function rootOf(...layers: Layer[]): Promise<Inode> {
  const merge = new LayerMerge();
  try {
    await merge.apply(
      layers.map(({ index }, number) => {
        const indexPath = join(dir, `index-${files++}`);
        writeFileSync(indexPath, index);
        return { indexPath, dataPath: "", name: `layer ${number + 1}` };
      }),
    );
    return await merge.tree();
  } finally {
    merge.close();
  }
}

/** The merged tree of layers as lines `path kind …`, sorted. */
async function merged(layers: Layer[]): Promise<string[]> {
  const lines: string[] = [];
  const numbers = new Map<Inode, number>();
  const walk = (inode: Inode, path: string): void => {
    for (const [name, child] of [...(inode.children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const here = path === "" ? name : `${path}/${name}`;
      if (child.kind === kind.directory) {
        lines.push(`${here}/`);
        walk(child, here);
      } else if (child.kind === kind.symlink) lines.push(`${here} -> ${child.link}`);
      else if (child.kind === kind.file) {
        const { data } = layers[child.dataLayer] as Layer;
        const first = numbers.get(child);
        const text = data.toString("latin1", child.dataOffset, child.dataOffset + child.size);
        lines.push(
          `${here} = ${text}${first === undefined ? "" : ` (link ${first})`}${child.links > 1 ? ` x${child.links}` : ""}`,
        );
        if (child.links > 1) numbers.set(child, numbers.get(child) ?? numbers.size + 1);
      } else lines.push(`${here} kind ${child.kind} ${child.deviceMajor}:${child.deviceMinor}`);
    }
  };
  walk(await rootOf(...layers), "");
  return lines;
}

async function tree(...layers: Entry[][]): Promise<string[]> {
  return await merged(await Promise.all(layers.map(async (entries) => convert(await makeTar(entries)))));
}

async function refused(message: RegExp, ...layers: (Entry[] | Buffer)[]): Promise<void> {
  const tars = await Promise.all(layers.map((layer) => (Buffer.isBuffer(layer) ? layer : makeTar(layer))));
  await assert.rejects(
    async () => await merged(tars.map((tar) => convert(tar))),
    (error) => {
      assert.ok(error instanceof MockerError, String(error));
      assert.equal(error.code, "IMAGE_INVALID");
      assert.match(error.message, message);
      return true;
    },
  );
}

/** Changes a header of a tar and repairs its checksum. */
function patch(tar: Buffer, offset: number, bytes: string | Buffer, header = 0): Buffer {
  const copy = Buffer.from(tar);
  copy.set(Buffer.from(bytes as string, "latin1"), header + offset);
  copy.write("        ", header + 148, "latin1");
  const sum = copy.subarray(header, header + 512).reduce((a, b) => a + b, 0);
  copy.write(`${sum.toString(8).padStart(6, "0")}\0 `, header + 148, "latin1");
  return copy;
}

/** A PAX extended header for the next entry. */
function pax(records: Record<string, string | Buffer>, type = "x"): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const body = Buffer.concat([
      Buffer.from(` ${key}=`),
      Buffer.from(value as string, "latin1"),
      Buffer.from("\n"),
    ]);
    let length = body.length + 1;
    while (String(length).length + body.length !== length) length++;
    return Buffer.concat([Buffer.from(String(length)), body]);
  });
  return rawEntry("pax", type, Buffer.concat(lines));
}

function rawEntry(name: string, type: string, contents: Buffer, size = contents.length): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, "latin1");
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write(type, 156, "latin1");
  header.write("ustar\x0000", 257);
  const whole = Buffer.concat([header, contents, Buffer.alloc((512 - (contents.length % 512)) % 512)]);
  return patch(whole, 0, "");
}

const end = Buffer.alloc(1024);
const file = (name: string, content = name): Entry => ({ name, content });

test("a layer's tree is what went in, whatever the chunks", async () => {
  const tar = await makeTar([
    { name: "./", type: "directory" },
    { name: "./a/", type: "directory", mode: 0o700 },
    file("a/f", "x".repeat(5000)),
    file("a/empty", ""),
    { name: "a/s", type: "symlink", linkname: "../../outside" },
    { name: "a/h", type: "link", linkname: "a/f" },
    { name: "dev/null", type: "character-device", devmajor: 1, devminor: 3 },
    { name: "dev/pipe", type: "fifo" },
    file(`long/${"n".repeat(200)}/${"m".repeat(200)}`, "deep"),
    file("ünïcode", "u"),
  ]);
  const expected = await merged([convert(tar)]);
  assert.deepEqual(expected, [
    "a/",
    "a/empty = ",
    `a/f = ${"x".repeat(5000)} x2`,
    `a/h = ${"x".repeat(5000)} (link 1) x2`,
    "a/s -> ../../outside",
    "dev/",
    "dev/null kind 6 1:3",
    "dev/pipe kind 8 0:0",
    "long/",
    `long/${"n".repeat(200)}/`,
    `long/${"n".repeat(200)}/${"m".repeat(200)} = deep`,
    `${Buffer.from("ünïcode").toString("latin1")} = u`,
  ]);
  for (const piece of [1, 7, 511, 512, 513, 4096])
    assert.deepEqual(await merged([convert(tar, {}, piece)]), expected);
});

test("large files begin at a multiple of 4 KiB, small ones lie behind their inodes within a block", async () => {
  const big = Buffer.alloc(3 << 20);
  big.write("begin", 0);
  big.write("end", big.length - 3);
  const contents: Record<string, Buffer> = { big };
  for (const size of [1, 31, 32, 1000, 2000, 4031, 4032, 4033, 5000, 70_000])
    contents[`f${size}`] = Buffer.alloc(size, `${size}`);
  for (let i = 0; i < 200; i++) contents[`n${i}`] = Buffer.alloc(1 + ((i * 37) % 4500), `${i}`);
  const entries = Object.entries(contents).map(([name, content]) => ({ name, content }));
  for (const piece of [1 << 20, 777]) {
    const { index, data } = convert(await makeTar(entries), {}, piece);
    const root = await rootOf({ index, data });
    assert.equal(root.children?.size, entries.length);
    const taken: [number, number][] = [];
    for (const [name, inode] of root.children ?? []) {
      const { dataOffset: start, size } = inode;
      const small = size <= 4032;
      assert.equal(start % 4096 === 0, !small, name);
      if (small) {
        assert.equal(start % 32, 0, name);
        assert.equal(Math.floor((start - 64) / 4096), Math.floor((start + size - 1) / 4096), name);
        assert.equal(data.readUInt32LE(start - 64 + 8), size, name);
      }
      assert.ok(data.subarray(start, start + size).equals(contents[name] ?? big), name);
      taken.push([small ? start - 64 : start, start + size]);
    }
    taken.sort(([a], [b]) => a - b);
    for (const [i, [start]] of taken.entries())
      assert.ok(start >= (taken[i - 1]?.[1] ?? 0), "nothing overlaps");
    assert.equal(data.length % 4096, 0);
  }
});

test("files with the same contents share them, and those that only look so do not", async () => {
  const one = Buffer.alloc(50_000, "one");
  const other = Buffer.from(one);
  // Where no fingerprint looks.
  other.write("x", 101);
  const filler = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * i) >> 7));
  const contents: Record<string, Buffer> = {
    a: one,
    other,
    b: one,
    filler,
    c: one,
    d: other,
    z: Buffer.alloc(50_000),
  };
  const { index, data } = convert(
    await makeTar(Object.entries(contents).map(([name, content]) => ({ name, content }))),
  );
  const root = await rootOf({ index, data });
  const offset = (name: string): number => root.children?.get(name)?.dataOffset ?? -1;
  for (const [name, content] of Object.entries(contents))
    assert.ok(data.subarray(offset(name), offset(name) + content.length).equals(content), name);
  assert.equal(offset("b"), offset("a"));
  assert.equal(offset("c"), offset("a"), "also when it is written already");
  assert.notEqual(offset("other"), offset("a"));
  // Of those that look the same the first one is remembered, so "d" has its own.
  assert.ok(data.length < 950_000);
});

test("attributes come through: owner, mode, times, binary xattrs", async () => {
  const capability = Buffer.from("\x01\0\0\x02\0\xff\xfe\0\0\x80\n=\0", "latin1");
  const header = pax({
    "SCHILY.xattr.security.capability": capability,
    mtime: "-1.25",
    uid: "3000000000",
    "SCHILY.xattr.user.a": "b",
  });
  const setuid = patch(rawEntry("f", "0", Buffer.from("hi")), 100, "0004755\0");
  const root = await rootOf(convert(Buffer.concat([header, setuid, end])));
  const inode = root.children?.get("f");
  assert.ok(inode);
  assert.equal(inode.mode, 0o4755);
  assert.equal(inode.uid, 3_000_000_000);
  assert.deepEqual([inode.mtimeSeconds, inode.mtimeNanoseconds], [-2, 750_000_000]);
  assert.deepEqual(inode.xattrs, [
    ["security.capability", capability.toString("latin1")],
    ["user.a", "b"],
  ]);
});

test("whiteouts and opaque folders hide what is below and nothing else", async () => {
  const below = [file("a/1"), file("a/2"), file("b/1"), file("c"), file("d/x/y"), file("e")];
  assert.deepEqual(
    await tree(below, [
      file(".wh.c", ""),
      file("a/.wh.1", ""),
      file("a/3"),
      // The order inside of a layer must not matter.
      file("b/new"),
      file("b/.wh..wh..opq", ""),
      file(".wh.d", ""),
      file("d/z"),
      file("e"),
      file(".wh.e", ""),
      file(".wh.never-there", ""),
      file(".wh..wh.plnk/1.2", ""),
    ]),
    ["a/", "a/2 = a/2", "a/3 = a/3", "b/", "b/new = b/new", "d/", "d/z = d/z", "e = e"],
  );
});

test("a later layer replaces files by folders and links and the other way round", async () => {
  assert.deepEqual(
    await tree(
      [file("f"), file("d/x"), { name: "l", type: "symlink", linkname: "d" }, file("keep/x")],
      [
        { name: "f/", type: "directory" },
        file("f/inner"),
        file("d"),
        { name: "l/", type: "directory" },
        { name: "keep/", type: "directory" },
      ],
    ),
    ["d = d", "f/", "f/inner = f/inner", "keep/", "keep/x = keep/x", "l/"],
  );
});

test("a path through a symlink stays inside of the image, as on a machine with merged /usr", async () => {
  assert.deepEqual(
    await tree(
      [
        file("usr/lib/a"),
        { name: "lib", type: "symlink", linkname: "usr/lib" },
        { name: "up", type: "symlink", linkname: "../../../../usr" },
      ],
      [file("lib/b"), file("up/c"), file("lib/.wh.a", "")],
    ),
    ["lib -> usr/lib", "up -> ../../../../usr", "usr/", "usr/c = up/c", "usr/lib/", "usr/lib/b = lib/b"],
  );
});

test("hard links reach into lower layers and count their names", async () => {
  assert.deepEqual(
    await tree(
      [file("a"), { name: "b", type: "link", linkname: "./a" }],
      [{ name: "c", type: "link", linkname: "/a" }, file(".wh.a", "")],
    ),
    ["b = a x2", "c = a (link 1) x2"],
  );
});

const hostile: [
  advisory: string,
  message: RegExp,
  ...layers: (() => Promise<Entry[] | Buffer> | Entry[] | Buffer)[],
][] = [
  [
    "CVE-2007-4131, CVE-2018-1002207: a name with .. leaves the root",
    /outside of the image/,
    () => [file("../../etc/passwd")],
  ],
  ["the same in the middle of a name", /outside of the image/, () => [file("a/../../x")]],
  [
    "CVE-2026-23745: a hard link out of the root",
    /outside of the image/,
    () => [file("a"), { name: "x", type: "link", linkname: "../../../etc/shadow" }],
  ],
  ["a hard link to nothing", /does not exist/, () => [{ name: "x", type: "link", linkname: "etc/shadow" }]],
  [
    "a hard link to a folder",
    /points to the directory/,
    () => [
      { name: "d/", type: "directory" },
      { name: "x", type: "link", linkname: "d" },
    ],
  ],
  [
    "CVE-2021-32803: a hard link through a symlink to the host",
    /does not exist/,
    () => [
      { name: "s", type: "symlink", linkname: "/etc" },
      { name: "x", type: "link", linkname: "s/passwd" },
    ],
  ],
  [
    "a hard link to itself",
    /points to itself/,
    () => [file("a"), { name: "./a", type: "link", linkname: "a" }],
  ],
  [
    "a hard link in the place of the folder that its target is in",
    /does not exist/,
    () => [file("d/x"), { name: "d", type: "link", linkname: "d/x" }],
  ],
  [
    "a hard link in the place of the symlink that leads to its target",
    /does not exist/,
    () => [
      file("d/x"),
      { name: "s", type: "symlink", linkname: "d" },
      { name: "s", type: "link", linkname: "s/x" },
    ],
  ],
  [
    "symlinks in circles",
    /too many symbolic links/,
    () => [
      { name: "a", type: "symlink", linkname: "b" },
      { name: "b", type: "symlink", linkname: "a" },
      file("a/x"),
    ],
  ],
  [
    "a root that is a symlink",
    /would replace the root/,
    () => [{ name: "./", type: "symlink", linkname: "/etc" }],
  ],
  [
    "a root that is a file",
    /would replace the root/,
    () => Buffer.concat([rawEntry("./", "0", Buffer.from("x")), end]),
  ],
  ["a whiteout of the folder itself", /no valid whiteout/, () => [file("a/.wh..", "")]],
  ["a whiteout of the parent", /no valid whiteout/, () => [file("a/.wh...", "")]],
  ["a whiteout of nothing", /no valid whiteout/, () => [file("a/.wh.", "")]],
  [
    "a negative PAX size",
    /negative size|not a number|out of range/,
    () => Buffer.concat([pax({ size: "-512" }), rawEntry("f", "0", Buffer.from("x")), end]),
  ],
  [
    "a PAX size that is no number",
    /not a number/,
    () => Buffer.concat([pax({ size: "1e9" }), rawEntry("f", "0", Buffer.from("x")), end]),
  ],
  [
    "a PAX size of 10^18",
    /out of range/,
    () => Buffer.concat([pax({ size: "1000000000000000000" }), rawEntry("f", "0", Buffer.from("x")), end]),
  ],
  [
    "a negative base-256 size",
    /negative size/,
    () => Buffer.concat([patch(rawEntry("f", "0", Buffer.from("x")), 124, Buffer.alloc(12, 0xff)), end]),
  ],
  [
    "a huge base-256 size",
    /out of range/,
    () =>
      Buffer.concat([
        patch(rawEntry("f", "0", Buffer.from("x")), 124, Buffer.from("8000ffffffffffffffffffff", "hex")),
        end,
      ]),
  ],
  [
    "a size larger than the layer's limit",
    /limit for a layer/,
    () =>
      Buffer.concat([
        patch(rawEntry("f", "0", Buffer.from("x")), 124, Buffer.from("800000000000ffffffffffff", "hex")),
        end,
      ]),
  ],
  [
    "a size that is no octal number",
    /not an octal number/,
    () => Buffer.concat([patch(rawEntry("f", "0", Buffer.from("x")), 124, "00000000zz9\0"), end]),
  ],
  [
    "a bad checksum",
    /checksum/,
    () => {
      const tar = rawEntry("f", "0", Buffer.from("x"));
      tar[0] = 0x67;
      return Buffer.concat([tar, end]);
    },
  ],
  ["a name longer than 255 bytes", /at most 255/, () => [file(`d/${"x".repeat(256)}`)]],
  ["a path longer than 4095 bytes", /4095/, () => [file(`${"x/".repeat(2100)}y`)]],
  [
    "a NUL in a PAX path",
    /NUL/,
    () => Buffer.concat([pax({ path: "a\0/../../x" }), rawEntry("f", "0", Buffer.from("x")), end]),
  ],
  [
    "a PAX path out of the root",
    /outside of the image/,
    () => Buffer.concat([pax({ path: "../x" }), rawEntry("f", "0", Buffer.from("x")), end]),
  ],
  [
    "a GNU long name out of the root",
    /outside of the image/,
    () =>
      Buffer.concat([
        rawEntry("././@LongLink", "L", Buffer.from(`${"../".repeat(60)}x\0`)),
        rawEntry("f", "0", Buffer.from("x")),
        end,
      ]),
  ],
  [
    "CVE-2022-2879: a PAX header of 1 GiB",
    /extended header of/,
    () => rawEntry("pax", "x", Buffer.alloc(0), 2 ** 30),
  ],
  [
    "a malformed PAX record",
    /malformed PAX/,
    () =>
      Buffer.concat([
        rawEntry("pax", "x", Buffer.from("99999999 a=b\n")),
        rawEntry("f", "0", Buffer.from("x")),
        end,
      ]),
  ],
  [
    "a PAX record that is too short",
    /malformed PAX/,
    () =>
      Buffer.concat([rawEntry("pax", "x", Buffer.from("2 \n")), rawEntry("f", "0", Buffer.from("x")), end]),
  ],
  [
    "a symlink without a target",
    /no valid target/,
    () => Buffer.concat([rawEntry("s", "2", Buffer.alloc(0)), end]),
  ],
  [
    "a symlink whose target is too long",
    /no valid target/,
    () => Buffer.concat([pax({ linkpath: "x".repeat(5000) }), rawEntry("s", "2", Buffer.alloc(0)), end]),
  ],
  ["an unknown type", /unknown tar type/, () => Buffer.concat([rawEntry("f", "Z", Buffer.alloc(0)), end])],
  [
    "a device number out of range",
    /out of range/,
    () => [{ name: "d", type: "block-device", devmajor: 4096, devminor: 0 }],
  ],
  [
    "an owner out of range",
    /owner that is out of range/,
    () => Buffer.concat([pax({ uid: "4294967295" }), rawEntry("f", "0", Buffer.from("x")), end]),
  ],
  [
    "a negative owner",
    /owner that is out of range/,
    () => Buffer.concat([pax({ gid: "-1" }), rawEntry("f", "0", Buffer.from("x")), end]),
  ],
  [
    "xattrs without measure",
    /extended attributes/,
    () =>
      Buffer.concat([
        pax({ "SCHILY.xattr.user.a": "x".repeat(70_000) }),
        rawEntry("f", "0", Buffer.from("x")),
        end,
      ]),
  ],
  [
    "a sparse map that runs backwards",
    /out of order/,
    () =>
      Buffer.concat([
        pax({ "GNU.sparse.map": "8,1,0,1", "GNU.sparse.size": "16", "GNU.sparse.name": "f" }),
        rawEntry("f", "0", Buffer.from("xy")),
        end,
      ]),
  ],
  [
    "a sparse map that does not fit its data",
    /does not fit/,
    () =>
      Buffer.concat([
        pax({ "GNU.sparse.map": "0,10", "GNU.sparse.size": "16" }),
        rawEntry("f", "0", Buffer.from("xy")),
        end,
      ]),
  ],
  [
    "a sparse file of a negative size",
    /negative size/,
    () =>
      Buffer.concat([
        pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "-5" }),
        rawEntry("f", "0", Buffer.from("0\n".padEnd(512, "\0"))),
        end,
      ]),
  ],
  [
    "an old sparse file of a negative size",
    /negative size/,
    () => Buffer.concat([patch(rawEntry("f", "S", Buffer.alloc(0)), 483, Buffer.alloc(12, 0xff)), end]),
  ],
  [
    "a sparse map in pieces that are out of order",
    /malformed sparse map/,
    () =>
      Buffer.concat([
        pax({ "GNU.sparse.size": "16", "GNU.sparse.numbytes": "2", "GNU.sparse.offset": "0" }),
        rawEntry("f", "0", Buffer.from("xy")),
        end,
      ]),
  ],
  [
    "a sparse map with half a piece",
    /malformed sparse map/,
    () =>
      Buffer.concat([
        pax({ "GNU.sparse.size": "16", "GNU.sparse.offset": "0" }),
        rawEntry("f", "0", Buffer.from("xy")),
        end,
      ]),
  ],
  [
    "a sparse file of 2^50 bytes",
    /limit for a layer/,
    () =>
      Buffer.concat([
        pax({ "GNU.sparse.map": "0,2", "GNU.sparse.size": String(2 ** 50) }),
        rawEntry("f", "0", Buffer.from("xy")),
        end,
      ]),
  ],
  [
    "a sparse map in the data without an end",
    /not a number|runs past|too many/,
    () =>
      Buffer.concat([
        pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" }),
        rawEntry("f", "0", Buffer.alloc(512, 0x61)),
        end,
      ]),
  ],
  [
    "an archive cut in a header",
    /middle of an entry/,
    async () => (await makeTar([file("a")])).subarray(0, 300),
  ],
  [
    "an archive cut in a file",
    /middle of an entry/,
    async () => (await makeTar([file("a", "x".repeat(5000))])).subarray(0, 2000),
  ],
  ["an archive that ends after a PAX header", /middle of an entry/, () => pax({ path: "x" })],
  ["something that is no archive", /checksum/, () => Buffer.alloc(4096, 0x41)],
  ["a file below a file of a lower layer", /no directory/, () => [file("a")], () => [file("a/b")]],
];

for (const [name, message, ...layers] of hostile)
  test(`refused: ${name}`, async () => {
    await refused(message, ...(await Promise.all(layers.map((layer) => layer()))));
  });

test("CVE-2025-62518 (TARmageddon): the PAX size counts, so that a file's contents are no entries", async () => {
  const nested = await makeTar([file("hidden")]);
  const outer = Buffer.concat([
    pax({ size: String(nested.length) }),
    rawEntry("f", "0", nested, 0),
    rawEntry("g", "0", Buffer.from("g")),
    end,
  ]);
  assert.deepEqual(
    (await merged([convert(outer)])).map((line) => line.slice(0, 3)),
    ["f =", "g ="],
  );
});

test("harmless oddities are taken as Docker takes them", async () => {
  // Absolute names, `.` and inner `..`, garbage after the end, no end mark, the size of a hard link.
  assert.deepEqual(await tree([file("/etc/x"), file("./a/./b/../c"), file("//d")]), [
    "a/",
    "a/c = ./a/./b/../c",
    "d = //d",
    "etc/",
    "etc/x = /etc/x",
  ]);
  const tar = await makeTar([file("a")]);
  const expected = ["a = a"];
  assert.deepEqual(await merged([convert(Buffer.concat([tar, Buffer.alloc(3000, 0x42)]))]), expected);
  assert.deepEqual(await merged([convert(tar.subarray(0, 1024))]), expected);
  assert.deepEqual(await merged([convert(Buffer.alloc(0))]), []);
  const linked = Buffer.concat([
    rawEntry("a", "0", Buffer.from("a")),
    patch(rawEntry("b", "1", Buffer.alloc(0), 99), 157, "a"),
    rawEntry("c", "0", Buffer.from("c")),
    end,
  ]);
  assert.deepEqual(await merged([convert(linked)]), ["a = a x2", "b = a (link 1) x2", "c = c"]);
  // Duplicates: the last one counts.
  assert.deepEqual(await tree([file("a", "1"), file("a", "2")]), ["a = 2"]);
  // A global PAX header changes nothing.
  assert.deepEqual(
    await merged([
      convert(Buffer.concat([pax({ path: "evil" }, "g"), rawEntry("f", "0", Buffer.from("x")), end])),
    ]),
    ["f = x"],
  );
});

test("sparse files of GNU tar are read with their holes", async () => {
  const expected = [`f = ab\0\0\0\0\0\0cd${"\0".repeat(6)}`];
  const old = Buffer.concat([
    patch(
      patch(
        rawEntry("f", "S", Buffer.from("abcd")),
        386,
        "00000000000\x0000000000002\x0000000000010\x0000000000002\x00",
      ),
      483,
      "00000000020\0",
    ),
    end,
  ]);
  assert.deepEqual(await merged([convert(old)]), expected);
  const map = { "GNU.sparse.map": "0,2,8,2", "GNU.sparse.size": "16", "GNU.sparse.name": "f" };
  assert.deepEqual(
    await merged([
      convert(Buffer.concat([pax(map), rawEntry("GNUSparseFile.0/f", "0", Buffer.from("abcd")), end])),
    ]),
    expected,
  );
  const inside = Buffer.concat([Buffer.from("2\n0\n2\n8\n2\n".padEnd(512, "\0")), Buffer.from("abcd")]);
  const one = {
    "GNU.sparse.major": "1",
    "GNU.sparse.minor": "0",
    "GNU.sparse.name": "f",
    "GNU.sparse.realsize": "16",
  };
  assert.deepEqual(
    await merged([convert(Buffer.concat([pax(one), rawEntry("x", "0", inside), end]))]),
    expected,
  );
});

test("the limits on bytes, entries, attributes and ratio are kept", async () => {
  const tar = await makeTar([file("a", "x".repeat(10_000)), file("b"), file("c")]);
  assert.throws(() => convert(tar, { maximumBytes: 5000 }), /limit for a layer/);
  assert.throws(() => convert(tar, { maximumEntries: 2 }), /more than 2 entries/);
  const attributes = Array.from({ length: 100 }, (_, i) => ({
    ...file(`f${i}`),
    pax: { "SCHILY.xattr.user.a": "v".repeat(10_000) },
  }));
  const wordy = await makeTar(attributes);
  assert.throws(
    () => convert(wordy, { maximumIndexBytes: 900_000 }),
    /attributes take more than 900000 bytes/,
  );
  assert.ok(convert(wordy, { maximumIndexBytes: 1_100_000 }).index.length > 1_000_000);
  const converter = new LayerConverter(join(dir, "ratio"), {
    ...defaultLimits,
    ratioFloorBytes: 1000,
    maximumRatio: 10,
  });
  assert.throws(() => converter.push(tar, 100), /decompression bomb/);
  converter.close();
});

test("damaged archives never do anything but be refused or read", async () => {
  const tar = Buffer.concat([
    pax({ path: "p/q", mtime: "12.5", "SCHILY.xattr.user.a": "b" }),
    rawEntry("f", "0", Buffer.from("contents")),
    await makeTar([
      { name: "d/", type: "directory" },
      file("d/f", "y".repeat(700)),
      { name: "d/s", type: "symlink", linkname: "/etc" },
      { name: "d/h", type: "link", linkname: "d/f" },
      { name: "d/c", type: "character-device", devmajor: 1, devminor: 3 },
      file(`${"long/".repeat(40)}name`),
      file("d/.wh.x", ""),
    ]),
  ]);
  // A generator with a fixed seed: a failure can be had again.
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let read = 0;
  for (let round = 0; round < 1500; round++) {
    let copy: Buffer = Buffer.from(tar);
    const header = random(copy.length / 512) * 512;
    for (let changes = random(4); changes >= 0; changes--)
      copy[random(2) === 0 ? header + random(512) : random(copy.length)] = random(256);
    if (random(4) === 0) copy = copy.subarray(0, random(copy.length));
    // Half of them with a good checksum, so that they are looked at further.
    if (random(2) === 0 && header + 512 <= copy.length) copy = patch(copy, 0, "", header);
    try {
      await merged([convert(copy, { maximumBytes: 1 << 20 }, 1 + random(3000))]);
      read++;
    } catch (error) {
      assert.ok(
        error instanceof MockerError && error.code === "IMAGE_INVALID",
        `round ${round}: ${(error as Error).stack}`,
      );
    }
  }
  assert.ok(read > 10, `only ${read} were read`);
});
