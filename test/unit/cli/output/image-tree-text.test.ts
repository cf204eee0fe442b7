import assert from "node:assert/strict";
import { test } from "node:test";
import { imageTreeText } from "../../../../engine/cli/output/image-tree-text.ts";
import { type ImageTree, imageTree } from "../../../../engine/protocol/index.ts";
import { Setup } from "../harness.ts";

const id = (byte: string): string => `sha256:${byte.repeat(32)}`;
const size = { diskBytes: 13_600_000, contentBytes: 4_090_000, isUsed: false };

const trees: ImageTree[] = [
  {
    ...{ id: id("be"), repoTags: ["alpine:3.20", "alpine:latest"], created: "", ...size, isUsed: true },
    platforms: [
      { id: id("33"), platform: "linux/amd64", isStored: true, ...size, isUsed: true },
      {
        id: id("9c"),
        platform: "linux/arm/v7",
        isStored: false,
        diskBytes: 0,
        contentBytes: 0,
        isUsed: false,
      },
    ],
  },
  { id: id("77"), repoTags: [], created: "", ...size, platforms: [] },
];

const wanted = `WARNING: This is an experimental feature. The output may change and shouldn't be depended on.

IMAGE                 ID             DISK USAGE   CONTENT SIZE   IN USE
alpine:3.20${"        "}
alpine:latest         bebebebebebe       13.6MB         4.09MB     ✔${"   "}
├─ linux/amd64        333333333333       13.6MB         4.09MB     ✔${"   "}
└─ linux/arm/v7       9c9c9c9c9c9c           0B             0B${"         "}

<untagged>            777777777777       13.6MB         4.09MB${"         "}

`;

test("the tree, as wide as the terminal lets it be", () => {
  assert.equal(imageTreeText(trees, { columns: 80, color: false }), wanted);
  const narrow = imageTreeText(trees, { columns: 40, color: false }).split("\n");
  assert.equal(narrow[2], "IMAGE          ID             DISK USAGE");
  assert.equal(narrow[4], "alpine:la...   bebebebebebe       13.6MB");
  assert.equal(imageTreeText([], { columns: 80, color: false }).split("\n").length, 4);
  const colored = imageTreeText(trees, { columns: 80, color: true });
  assert.equal(colored.replaceAll(/\x1b\[[\d;]*m/g, ""), wanted);
  assert.match(colored, /\x1b\[34;1malpine:latest\x1b\[0m/);
  assert.match(colored, /\x1b\[39;2m└─ linux\/arm\/v7\x1b\[0m/);
});

test("image ls --tree", async (t) => {
  const setup = await Setup.create();
  t.after(() => setup.close());
  setup.engine.handle(imageTree, () => trees);
  assert.deepEqual(await setup.run(["image", "ls", "--tree", "alpine"]), {
    code: 0,
    stdout: wanted,
    stderr: "",
  });
  assert.deepEqual(setup.engine.paramsOf("image/tree"), { filters: { reference: ["alpine"] } });
  assert.deepEqual(await setup.run(["images", "--tree", "-q"]), {
    code: 1,
    stdout: "",
    stderr: "--quiet is not yet supported with --tree\n",
  });
});
