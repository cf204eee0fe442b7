import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join, posix } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { makeStore } from "../../fixtures/image-store.ts";
import { type Entry, makeImage, makeTar, writeLayout } from "../../fixtures/made-image.ts";
import { needPrograms } from "../../support/host.ts";
import { assertSame, snapshot, withDisk } from "../../support/image-tree.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { fuzz } from "./fuzz.ts";

const run = promisify(execFile);
const dir = tmpDir();
const privileged = process.getuid?.() === 0;

before(() => needPrograms({ "fsck.erofs": "erofs-utils", umoci: "umoci" }));

/** Bytes that decide one entry. */
const entryBytes = 4;
const names = ["a", "b", "c", "d"];
const directories = ["", "", "a/", "b/", "a/b/", "c/a/", "d/../a/"];
const targets = ["a", "b", "/a/b", "../c", "../../b", "c/a", "nowhere", "."];
/** All of them before the first directory that umoci made by itself, which has the present time. */
const times = [1_000_000_000, 1_200_000_000.5, 86_400];
const presentSeconds = 1_700_000_000;

function entryOf([kind = 0, place = 0, shape = 0, more = 0]: Buffer, files: readonly string[]): Entry {
  const directory = directories[place % directories.length] ?? "";
  const base = names[(place >> 3) % names.length] ?? "a";
  const name = `${directory}${base}`;
  const common: Entry = {
    name,
    mode: [0o644, 0o755, 0o4711, 0o1777, 0o2750][shape % 5] ?? 0,
    uid: [0, 1000, 70_000][more % 3] ?? 0,
    gid: [0, 5][more & 1] ?? 0,
    mtime: new Date((times[more % times.length] ?? 0) * 1000),
  };
  const attributes: Partial<Entry> = more % 8 === 7 ? { pax: { "SCHILY.xattr.user.x": `${shape}` } } : {};
  switch (kind % 12) {
    case 0:
    case 1:
    case 2:
      // No setgid: a directory that umoci makes by itself inside of it would inherit it.
      return {
        ...common,
        ...attributes,
        name: `${name}/`,
        type: "directory",
        mode: (common.mode ?? 0) & ~0o2000,
      };
    case 3:
      return { ...common, type: "symlink", linkname: targets[shape % targets.length] ?? "a" };
    case 4:
    case 5:
      return { ...common, type: "link", linkname: files[shape % files.length] ?? "a" };
    case 6:
    case 7:
      return { ...common, name: `${directory}.wh.${base}`, content: "" };
    case 8:
      return { ...common, name: `${directory}.wh..wh..opq`, content: "" };
    case 9:
      return { ...common, type: "fifo" };
    default: {
      const size = [0, 1, 30, 4032, 4096, 5000][shape % 6] ?? 0;
      return { ...common, ...attributes, content: Buffer.alloc(size, 65 + (more % 26)) };
    }
  }
}

/** The layers that some bytes stand for. Most of what anybody would refuse is left out: it teaches little. */
function stackOf(input: Buffer): Entry[][] {
  const count = 2 + ((input[0] ?? 0) % 4);
  const entries: Entry[] = [];
  const kinds = new Map<string, string>();
  let files: string[] = [];
  for (let at = 1; at + entryBytes <= input.length; at += entryBytes) {
    const entry = entryOf(input.subarray(at, at + entryBytes), files);
    const path = pathOf(entry.name);
    const base = posix.basename(path);
    if ((input[at] ?? 0) > 5) {
      if (entry.type === "link" && files.length === 0) continue;
      const above = path.split("/").map((_, depth, parts) => parts.slice(0, depth).join("/"));
      if (above.some((directory) => !["directory", "symlink"].includes(kinds.get(directory) ?? "directory")))
        continue;
    }
    entries.push(entry);
    const hidden =
      base === ".wh..wh..opq"
        ? posix.dirname(path)
        : base.startsWith(".wh.")
          ? posix.join(posix.dirname(path), base.slice(".wh.".length))
          : path;
    if (entry.type !== "directory")
      files = files.filter((file) => file !== hidden && !file.startsWith(`${hidden}/`));
    if (hidden !== path) continue;
    kinds.set(path, entry.type ?? "file");
    if (entry.type === undefined) files.push(path);
  }
  return Array.from({ length: count }, (_, layer) =>
    entries.slice((layer * entries.length) / count, ((layer + 1) * entries.length) / count),
  );
}

function pathOf(name: string): string {
  return posix.normalize(name).replace(/\/$/, "");
}

/** Index of the time in a line of {@link snapshot}; `undefined` for what is no directory. */
function folderTime(line: string): { parts: string[]; at: number } | undefined {
  const parts = line.split(" ");
  return parts[1] === "directory" && privileged ? { parts, at: 10 } : undefined;
}

/**
 * umoci gives the present time to directories that no layer has an entry for (we: 1970, so that an image is
 * the same everywhere), and to directories in which a later layer changes something without an entry for the
 * directory itself; we keep the time that the last entry says. Docker does the one or the other, by the
 * storage driver. Such a time is not compared.
 */
function withoutPresent(lines: string[], theirs: readonly string[]): string[] {
  return lines.map((line, i) => {
    const other = folderTime(theirs[i] ?? "");
    const own = folderTime(line);
    if (!other || !own || Number(other.parts[other.at]) < presentSeconds) return line;
    return own.parts.map((part, at) => (at === own.at ? "any time" : part)).join(" ");
  });
}

test("any stack of layers has the tree that umoci makes of it, or is refused by both", {
  skip: !privileged && "owners need root",
}, async () => {
  const { store } = await makeStore();
  let rounds = 0;
  await fuzz(
    "stack",
    5,
    (random) =>
      Buffer.from(Array.from({ length: 1 + entryBytes * (2 + random.below(30)) }, () => random.below(256))),
    async (input) => {
      const stack = stackOf(input);
      const directory = join(dir, `${rounds++}`);
      mkdirSync(directory);
      try {
        const layout = writeLayout(join(directory, "layout"), {
          x: makeImage(await Promise.all(stack.map(makeTar))),
        });
        const theirs = join(directory, "umoci");
        const [unpacked, pulled] = await Promise.allSettled([
          run("umoci", ["raw", "unpack", "--image", `${layout}:x`, theirs]),
          store.pull({ reference: `oci:${layout}:x` }),
        ]);
        if (pulled.status === "rejected") {
          const { reason } = pulled;
          assert.ok(reason instanceof MockerError && reason.code === "IMAGE_INVALID", String(reason));
          assert.equal(unpacked.status, "rejected", `only we refuse it: ${reason.message}`);
          return false;
        }
        const { id } = pulled.value;
        if (unpacked.status === "rejected") assert.fail(`only umoci refuses it: ${unpacked.reason}`);
        const expected = await snapshot(theirs);
        const compare = async (root: string): Promise<void> =>
          assertSame(withoutPresent(await snapshot(root), expected), withoutPresent(expected, expected));
        await withDisk(await store.rootDisk(id), directory, compare);
        await compare(await store.rootDirectory(id));
        await store.remove(id, { force: true });
        return true;
      } catch (error) {
        const shown = stack.map((layer) =>
          layer.map(({ name, type, linkname }) => [type ?? "file", name, linkname ?? ""].join(" ").trim()),
        );
        throw new Error(JSON.stringify(shown), { cause: error });
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  );
});
