import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { circles, type Import, importsOf, reachableFrom, roomOf } from "../../scripts/imports.ts";
import { notOurs } from "../../scripts/sources.ts";
import { rootDir } from "../support/paths.ts";

/**
 * What each room may import from, beside itself. A room is the longest of these names that a file's path
 * begins with. The clients and the daemon meet in four rooms that everybody may use: protocol, docker, common
 * and, for clients, client.
 */
const allowed: Record<string, string[]> = {
  "engine/protocol": [],
  "engine/docker": ["engine/protocol"],
  "engine/common": ["engine/protocol"],
  "engine/client": ["engine/common", "engine/docker", "engine/protocol", "native"],
  "engine/cli": ["engine/client", "engine/common", "engine/docker", "engine/protocol"],
  "engine/daemon/log": ["engine/common", "engine/protocol"],
  // The floors of images, from the ground up.
  "engine/daemon/images/oci": ["engine/docker", "engine/protocol"],
  "engine/daemon/images/store": [
    "engine/common",
    "engine/daemon/images/oci",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  "engine/daemon/images/registry": [
    "engine/common",
    "engine/daemon/images/oci",
    "engine/docker",
    "engine/protocol",
  ],
  "engine/daemon/images/layers": [
    "engine/common",
    "engine/daemon/images/oci",
    "engine/daemon/images/store",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  "engine/daemon/images/sources": [
    "engine/common",
    "engine/daemon/images/layers",
    "engine/daemon/images/oci",
    "engine/daemon/images/registry",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  "engine/daemon/images/records": [
    "engine/common",
    "engine/daemon/images/layers",
    "engine/daemon/images/oci",
    "engine/daemon/images/store",
    "engine/docker",
    "engine/protocol",
  ],
  "engine/daemon/images/rootfs": [
    "engine/common",
    "engine/daemon/images/layers",
    "engine/daemon/images/oci",
    "engine/daemon/images/records",
    "engine/daemon/images/store",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  "engine/daemon/images/ingest": [
    "engine/common",
    "engine/daemon/images/layers",
    "engine/daemon/images/oci",
    "engine/daemon/images/records",
    "engine/daemon/images/registry",
    "engine/daemon/images/rootfs",
    "engine/daemon/images/sources",
    "engine/daemon/images/store",
    "engine/docker",
    "engine/protocol",
  ],
  "engine/daemon/images/transfer": [
    "engine/common",
    "engine/daemon/images/ingest",
    "engine/daemon/images/oci",
    "engine/daemon/images/records",
    "engine/daemon/images/registry",
    "engine/daemon/images/sources",
    "engine/daemon/images/store",
    "engine/docker",
    "engine/protocol",
  ],
  "engine/daemon/images/maintenance": [
    "engine/common",
    "engine/daemon/images/ingest",
    "engine/daemon/images/layers",
    "engine/daemon/images/oci",
    "engine/daemon/images/records",
    "engine/daemon/images/rootfs",
    "engine/daemon/images/store",
    "engine/docker",
    "engine/protocol",
  ],
  "engine/daemon/images": [
    "engine/common",
    "engine/daemon/images/ingest",
    "engine/daemon/images/layers",
    "engine/daemon/images/maintenance",
    "engine/daemon/images/records",
    "engine/daemon/images/rootfs",
    "engine/daemon/images/sources",
    "engine/daemon/images/store",
    "engine/daemon/images/transfer",
    "engine/docker",
    "engine/protocol",
  ],
  "engine/daemon/events": ["engine/docker", "engine/protocol"],
  "engine/daemon/networks": [
    "engine/common",
    "engine/daemon/events",
    "engine/daemon/log",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  // The floors of VMs, likewise.
  "engine/daemon/vms/records": ["engine/common", "engine/daemon/networks", "engine/protocol"],
  "engine/daemon/vms/logs": ["engine/common", "engine/daemon/log", "engine/protocol"],
  "engine/daemon/vms/machine": [
    "engine/common",
    "engine/daemon/log",
    "engine/daemon/vms/records",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  "engine/daemon/vms/runtimes": [
    "engine/common",
    "engine/daemon/networks",
    "engine/daemon/vms/machine",
    "engine/daemon/vms/records",
    "engine/protocol",
    "native",
  ],
  "engine/daemon/vms": [
    "engine/daemon/vms/logs",
    "engine/daemon/vms/machine",
    "engine/daemon/vms/records",
    "engine/daemon/vms/runtimes",
    "engine/common",
    "engine/daemon/events",
    "engine/daemon/log",
    "engine/daemon/networks",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  "engine/daemon/volumes": [
    "engine/common",
    "engine/daemon/events",
    "engine/daemon/log",
    "engine/docker",
    "engine/protocol",
  ],
  "engine/daemon/system": [
    "engine/common",
    "engine/daemon/images",
    "engine/daemon/log",
    "engine/daemon/vms",
    "engine/daemon/vms/machine",
    "engine/daemon/vms/runtimes",
    "engine/daemon/volumes",
    "engine/docker",
    "engine/protocol",
    "native",
  ],
  "engine/daemon": [
    "engine/common",
    "engine/daemon/events",
    "engine/daemon/log",
    "engine/daemon/images",
    "engine/daemon/images/registry",
    "engine/daemon/images/sources",
    "engine/daemon/images/store",
    "engine/daemon/networks",
    "engine/daemon/system",
    "engine/daemon/vms",
    "engine/daemon/vms/machine",
    "engine/daemon/vms/records",
    "engine/daemon/vms/runtimes",
    "engine/daemon/volumes",
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
    return target !== own && to !== "package.json" && !allowed[own]?.includes(target);
  };
  assert.deepEqual(
    imports.filter(isForbidden).map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test("clients do not reach the daemon, through any number of imports, and native code in one place", () => {
  const clients = ["engine/cli/main.ts", "extension/extension.ts"];
  const reached = reachableFrom(clients, imports);
  assert.deepEqual(
    reached.filter((file) => file.startsWith("engine/daemon/")),
    [],
  );
  // Whose socket it is, only the kernel can say.
  assert.deepEqual(
    imports.filter(
      ({ from, to }) => to.startsWith("native/") && reached.includes(from) && !from.startsWith("native/"),
    ),
    [{ from: "engine/client/engine-socket.ts", to: "native/index.ts" }],
  );
});

test("no imports go in a circle, those of types included", () => {
  assert.deepEqual(circles(imports), []);
});

test("only the extension imports vscode, and the protocol imports nothing but vscode-jsonrpc and, for params, valibot", () => {
  const packages = importsOf(["engine", "native"], "packages");
  assert.deepEqual(
    packages.filter(({ to }) => to === "vscode").map(({ from }) => from),
    [],
  );
  const allowedPackage = (from: string): string =>
    from.startsWith("engine/protocol/params/") ? "valibot" : "vscode-jsonrpc";
  assert.deepEqual(
    packages.filter(({ from, to }) => from.startsWith("engine/protocol/") && to !== allowedPackage(from)),
    [],
  );
});

/** More files than these side by side in one directory want to be parted. */
const mostFiles = 22;

test(`no directory has more than ${mostFiles} files of its own`, () => {
  const crowded: string[] = [];
  const walk = (directory: string): void => {
    const entries = readdirSync(join(rootDir(), directory), { withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    if (files.length > mostFiles) crowded.push(`${directory}: ${files.length}`);
    for (const entry of entries) {
      if (entry.isDirectory() && !notOurs.test(entry.name)) walk(join(directory, entry.name));
    }
  };
  for (const directory of ["engine", "extension", "native", "test"]) walk(directory);
  assert.deepEqual(crowded, []);
});

test("nor do rooms import each other in a circle", () => {
  const isInner = (room: string): boolean => room.startsWith("engine/daemon/");
  const ofRooms = imports
    .map(({ from, to }) => ({ from: roomOf(from, rooms), to: roomOf(to, rooms) }))
    .filter(({ from, to }) => from !== to && isInner(from) && isInner(to));
  assert.deepEqual(circles(ofRooms), []);
});
