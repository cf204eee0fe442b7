import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, makeTar } from "../../../../fixtures/made-image.ts";
import { end, patch, pax, rawEntry } from "./hand-made-tar.ts";
import { convert, file, merged, refused } from "./layers.ts";

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
    "a hard link to a directory",
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
    "a hard link in the place of the directory that its target is in",
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
  ["a whiteout of the directory itself", /no valid whiteout/, () => [file("a/.wh..", "")]],
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
