import assert from "node:assert/strict";
import { test } from "node:test";
import { MockerError } from "../../../../engine/protocol/errors.ts";
import { makeTar } from "../../../fixtures/made-image.ts";
import { end, patch, pax, rawEntry } from "../../daemon/images/layers/hand-made-tar.ts";
import { convert, file, merged, tree } from "../../daemon/images/layers/layers.ts";

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
