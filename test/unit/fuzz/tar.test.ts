import { test } from "node:test";
import { makeTar } from "../../fixtures/made-image.ts";
import { rawEntry, repairChecksum } from "../daemon/images/layers/hand-made-tar.ts";
import { fuzz, mutate } from "./fuzz.ts";
import { readTar } from "./layers.ts";

const dictionary = [
  "../",
  "./",
  "/",
  ".wh.",
  ".wh..wh..opq",
  "ustar\x0000",
  "ustar  \0",
  "00000000000",
  "77777777777",
];

async function seeds(): Promise<Buffer[]> {
  const file = (name: string, content = name) => ({ name, content });
  return [
    await makeTar([
      { name: "d/", type: "directory" },
      file("d/f", "y".repeat(700)),
      { name: "d/s", type: "symlink", linkname: "/etc" },
      { name: "d/h", type: "link", linkname: "d/f" },
      { name: "d/c", type: "character-device", devmajor: 1, devminor: 3 },
      { name: "d/p", type: "fifo" },
    ]),
    await makeTar([file(`${"long/".repeat(40)}name`), file("d/.wh.x", ""), file("d/.wh..wh..opq", "")]),
    Buffer.concat([
      rawEntry("././@LongLink", "L", Buffer.from(`${"n".repeat(150)}\0`)),
      rawEntry("n", "0", Buffer.from("x")),
    ]),
    Buffer.concat([rawEntry("sparse", "S", Buffer.from("x".repeat(512))), Buffer.alloc(1024)]),
  ];
}

test("any tar is read or refused in words, whatever its pieces", async () => {
  const all = await seeds();
  await fuzz(
    "tar",
    10,
    (random) => {
      const tar = mutate(random, all, dictionary);
      // Most with good checksums, so that they are looked at further.
      if (random.below(4) > 0)
        for (let at = 0; at < tar.length; at += 512) if (tar[at] !== 0) repairChecksum(tar, at);
      return Buffer.concat([tar, Buffer.from([random.below(256)])]);
    },
    (input) => readTar(input.subarray(0, -1), 1 + (input.at(-1) ?? 0) * 17),
  );
});
