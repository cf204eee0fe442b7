import assert from "node:assert/strict";
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { test } from "node:test";
import { CommandFailure } from "../../../engine/cli/command.ts";
import { TarExtract } from "../../../engine/cli/transfer/tar-extract.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { rawEntry, repairChecksum } from "../daemon/images/layers/hand-made-tar.ts";
import { fuzz, type Random } from "./fuzz.ts";

const dir = tmpDir();
const outside = join(dir, "outside");
const destination = join(dir, "destination");

const parts = ["d", "d", "d", "a", "b", "link", "..", ".", "", "outside", "victim"];
const types = ["0", "0", "0", "1", "2", "2", "5", "5", "3", "6"];

function path(random: Random): string {
  const inside = Array.from({ length: random.below(4) }, () => random.pick(parts));
  const name = ["d", ...inside].join("/");
  switch (random.below(12)) {
    case 0:
      return join(outside, random.pick(parts));
    case 1:
      return `${random.pick(["../", "../../", "./", "/"])}${name}`;
    default:
      return random.below(5) === 0 ? `${name}/` : name;
  }
}

function entry(random: Random): Buffer {
  const type = random.pick(types);
  const contents = Buffer.from(type === "0" ? "evil".repeat(random.below(300)) : "");
  const bytes = rawEntry(path(random), type, contents);
  if (type === "1" || type === "2") {
    const target = random.pick([outside, "..", "../..", "../outside", join(outside, "secret"), path(random)]);
    bytes.write(target, 157, 100, "latin1");
    repairChecksum(bytes, 0);
  }
  return bytes;
}

/** All that is not in the destination. */
function state(): string {
  const lines = readdirSync(dir)
    .filter((name) => name !== "destination")
    .concat(readdirSync(outside).map((name) => join("outside", name)))
    .map((name) => {
      const { mode, nlink, size, mtimeMs, ino } = lstatSync(join(dir, name));
      return [name, mode, nlink, size, mtimeMs, ino].join(" ");
    });
  return [...lines, readFileSync(join(outside, "secret"), "utf8")].join("\n");
}

test("no archive that cp is sent writes anything outside of the destination", async () => {
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), "precious");
  writeFileSync(join(dir, "victim"), "precious");
  const before = state();
  await fuzz(
    "copy",
    10,
    (random) => {
      const entries = Array.from({ length: 1 + random.below(12) }, () => entry(random));
      const first = random.below(4) === 0 ? [] : [rawEntry("d/", "5", Buffer.alloc(0))];
      return Buffer.concat([...first, ...entries, Buffer.alloc(1024)]);
    },
    async (input) => {
      mkdirSync(destination);
      const extract = new TarExtract({
        base: "d",
        place: () => join(destination, "d"),
        keepOwners: input.length % 2 === 0,
        onSkipped: () => {},
      });
      const end = finished(extract);
      end.catch(() => {});
      for (let at = 0; at < input.length && !extract.destroyed; at += 700)
        extract.write(input.subarray(at, at + 700));
      extract.end();
      try {
        await end;
        return true;
      } catch (error) {
        if (error instanceof MockerError || error instanceof CommandFailure) return false;
        throw error;
      } finally {
        assert.equal(state(), before);
        rmSync(destination, { recursive: true, force: true });
      }
    },
  );
});
