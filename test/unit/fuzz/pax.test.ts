import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePax } from "../../../engine/common/tar/tar-header.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { rawEntry } from "../daemon/images/layers/hand-made-tar.ts";
import { fuzz, mutate } from "./fuzz.ts";
import { readTar } from "./layers.ts";

function record(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  let length = body.length + 1;
  while (`${length}`.length + body.length !== length) length++;
  return `${length}${body}`;
}

const keys = [
  "path",
  "linkpath",
  "size",
  "mtime",
  "uid",
  "gid",
  "SCHILY.xattr.user.a",
  "SCHILY.xattr.security.capability",
];
const sparse = [
  "GNU.sparse.major",
  "GNU.sparse.minor",
  "GNU.sparse.realsize",
  "GNU.sparse.map",
  "GNU.sparse.name",
];
const seeds = [
  record("path", "p/q") + record("mtime", "12.5"),
  record("size", "700") + record("uid", "70000") + record("gid", "0"),
  record("SCHILY.xattr.user.a", "b") + record("linkpath", "/etc/x"),
  record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.realsize", "9000"),
  record("GNU.sparse.map", "0,1,5000,1") + record("GNU.sparse.size", "6000"),
].map((text) => Buffer.from(text));
const dictionary = [
  ...keys,
  ...sparse,
  "=",
  "\n",
  " ",
  "../",
  "\0",
  record("path", "x"),
  record("size", "9"),
];

test("any PAX header is read or refused in words, before any kind of entry", async () => {
  await fuzz(
    "PAX",
    10,
    (random) =>
      Buffer.concat([
        mutate(random, seeds, dictionary),
        Buffer.from(random.pick(["0", "1", "2", "3", "5", "6", "7", "g"])),
      ]),
    (input) => {
      const payload = input.subarray(0, -1);
      try {
        for (const [key, value] of decodePax(payload)) assert.ok(key.length > 0 && typeof value === "string");
      } catch (error) {
        assert.ok(error instanceof MockerError && error.code === "IMAGE_INVALID", (error as Error).stack);
      }
      const type = input.subarray(-1).toString("latin1");
      const tar = Buffer.concat([
        rawEntry("pax", type === "g" ? "g" : "x", payload),
        rawEntry("name", type === "g" ? "0" : type, Buffer.from("contents".repeat(100))),
        rawEntry("after", "0", Buffer.from("after")),
        Buffer.alloc(1024),
      ]);
      return readTar(tar, 1000);
    },
  );
});
