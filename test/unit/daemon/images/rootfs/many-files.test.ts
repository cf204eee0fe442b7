import { test } from "node:test";
import { fixtureImage } from "../../../../fixtures/index.ts";
import { compareLayout, privileged } from "./against-umoci.ts";

test("the root of an image of very many files is the same as umoci's, as a disk, as a directory and as an archive", {
  skip: !privileged && "owners need root",
}, async () => {
  await compareLayout(await fixtureImage("many-files"), { tag: "latest", entries: 15_000 });
});
