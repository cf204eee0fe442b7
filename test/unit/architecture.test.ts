import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const root = process.env.MOCKER_TEST_ROOT ?? process.cwd();

/** Which of our folders each folder may import from, beside itself. */
const allowed: Record<string, string[]> = {
  "engine/protocol": [],
  "engine/cli": [
    "engine/dial",
    "engine/human-duration",
    "engine/protocol",
    "engine/paths",
    "engine/point-in-time",
    "engine/key-value-file",
    "engine/tar",
  ],
  "engine/images": [
    "engine/atomic-file",
    "engine/protocol",
    "engine/state",
    "engine/log",
    "engine/tar",
    "engine/unless-aborted",
    "native",
  ],
  "engine/vms": [
    "engine/human-duration",
    "engine/atomic-file",
    "engine/protocol",
    "engine/state",
    "engine/log",
    "native",
  ],
  "engine/state": ["engine/atomic-file", "engine/protocol"],
  "engine/tar": ["engine/protocol"],
  engine: ["engine/protocol", "engine/images", "engine/vms", "engine/state", "native"],
  extension: ["engine/protocol", "engine/dial", "engine/paths", "engine/key-value-file"],
  native: ["engine/protocol"],
};

function* sources(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) {
      if (name !== "node_modules" && name !== "third_party" && name !== "build" && name !== "target")
        yield* sources(path);
    } else if (name.endsWith(".ts")) yield path;
  }
}

function folderOf(path: string): string {
  const parts = relative(root, path).split("/");
  const two = parts.slice(0, 2).join("/");
  if (two in allowed) return two;
  return parts[0] === "engine" && parts.length === 2 ? "engine" : (parts[0] as string);
}

test("each folder imports only what the architecture allows", () => {
  const wrong: string[] = [];
  for (const folder of ["engine", "extension", "native"]) {
    for (const path of sources(join(root, folder))) {
      const own = folderOf(path);
      for (const [, specifier] of readFileSync(path, "utf8").matchAll(/from "(\.[^"]+)"/g)) {
        const target = resolve(dirname(path), specifier as string);
        const to = folderOf(target);
        const name = relative(root, target).replace(/\.ts$/, "");
        if (to === own || relative(root, target) === "package.json") continue;
        const may = allowed[own] ?? [];
        if (!may.includes(to) && !may.includes(name)) wrong.push(`${relative(root, path)} imports ${name}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});
