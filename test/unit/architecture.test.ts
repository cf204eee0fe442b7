import assert from "node:assert/strict";
import { test } from "node:test";
import { type Import, importsOf, roomOf } from "../support/imports.ts";

/**
 * What each room may import from, beside itself. A room is the longest of these names that a file's path begins with.
 * The clients and the daemon meet in four rooms that everybody may use: protocol, docker, common and, for clients, client.
 */
const allowed: Record<string, string[]> = {
  "engine/protocol": [],
  "engine/docker": ["engine/protocol"],
  "engine/common": ["engine/protocol"],
  "engine/client": ["engine/common", "engine/docker", "engine/protocol", "native"],
  "engine/cli": ["engine/client", "engine/common", "engine/docker", "engine/protocol"],
  "engine/daemon/images": [
    "engine/common",
    "engine/daemon/log",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  "engine/daemon/vms": ["engine/common", "engine/daemon/log", "engine/docker", "engine/protocol", "native"],
  "engine/daemon/system": [
    "engine/common",
    "engine/daemon/images",
    "engine/daemon/log",
    "engine/daemon/vms",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  "engine/daemon": [
    "engine/common",
    "engine/daemon/images",
    "engine/daemon/system",
    "engine/daemon/vms",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  extension: ["engine/client", "engine/common", "engine/docker", "engine/protocol"],
  native: ["engine/protocol"],
};

const rooms = Object.keys(allowed);
const imports = importsOf(["engine", "extension", "native"]);

test("each room imports only what the architecture allows", () => {
  const isForbidden = ({ from, to }: Import): boolean => {
    const own = roomOf(from, rooms);
    const target = roomOf(to, rooms);
    const may = allowed[own] ?? [];
    return (
      target !== own &&
      to !== "package.json" &&
      !may.includes(target) &&
      !may.includes(to.replace(/\.ts$/, ""))
    );
  };
  assert.deepEqual(
    imports.filter(isForbidden).map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test("only the extension imports vscode, and the protocol imports nothing but vscode-jsonrpc", () => {
  const packages = importsOf(["engine", "native"], "packages");
  assert.deepEqual(
    packages.filter(({ to }) => to === "vscode").map(({ from }) => from),
    [],
  );
  assert.deepEqual(
    packages.filter(({ from, to }) => from.startsWith("engine/protocol/") && to !== "vscode-jsonrpc"),
    [],
  );
});
