import assert from "node:assert/strict";
import { test } from "node:test";
import * as vscode from "vscode";
import type { NetworkDetails, VmState, VmSummary, VolumeSummary } from "../../../../engine/protocol/index.ts";
import { PullMeter } from "../../../../extension/commands/pull-meter.ts";
import { ImageItem, PullItem } from "../../../../extension/views/image-item.ts";
import { NetworkItem } from "../../../../extension/views/network-item.ts";
import { RunConfigurationItem } from "../../../../extension/views/run-configuration-tree.ts";
import { EndpointItem } from "../../../../extension/views/vms/endpoint-item.ts";
import { HealthItem } from "../../../../extension/views/vms/health-item.ts";
import { MountItem } from "../../../../extension/views/vms/mount-item.ts";
import { PortItem } from "../../../../extension/views/vms/port-item.ts";
import { plainArrangement } from "../../../../extension/views/vms/vm-arrangement.ts";
import { VmGroupItem } from "../../../../extension/views/vms/vm-group-item.ts";
import { VmItem } from "../../../../extension/views/vms/vm-item.ts";
import { VolumeItem } from "../../../../extension/views/volume-item.ts";
import { imageSummary, vmSummary } from "../records.ts";

/** What a screen reader says of a row; it has no icon and no colour to tell more by. */
function spoken(item: vscode.TreeItem): string {
  assert.equal(item.accessibilityInformation?.role, "treeitem");
  return item.accessibilityInformation?.label ?? "";
}

function vmItem(state: VmState, more: Partial<VmSummary> = {}, ending?: "stopping" | "stopped") {
  const vm = vmSummary({ state, finishedAt: "2026-01-01T00:01:00Z", ...more });
  return new VmItem(vm, { imageTag: undefined, rows: [], lostNetwork: false, ending });
}

const network: NetworkDetails = {
  id: "n",
  name: "backend",
  createdAt: "2026-01-01T00:00:00Z",
  driver: "bridge",
  subnet: "172.28.0.0/16",
  gateway: "172.28.0.1",
  internal: false,
  attachable: false,
  labels: {},
  options: {},
  endpoints: [],
};
const volume: VolumeSummary = {
  name: "pgdata",
  driver: "local",
  createdAt: "2026-01-01T00:00:00Z",
  mountpoint: "/v",
  anonymous: false,
  labels: {},
  options: {},
  users: [],
};
const folder = { uri: vscode.Uri.file("/home/me/shop"), name: "shop", index: 0 };
const configuration = {
  index: 0,
  offset: 0,
  name: "api",
  folder,
  configuration: { name: "api", image: "node:22" },
};

test("a VM's row is heard with name, state, image and whether it is simulated", () => {
  const heard: [vscode.TreeItem, RegExp][] = [
    [vmItem("running"), /^VM web, running since .*2026.*\. Image alpine$/],
    [vmItem("running", { healthStatus: "unhealthy" }), /^VM web, running \(unhealthy\) since/],
    [vmItem("running", {}, "stopping"), /^VM web, stopping… since/],
    [vmItem("paused"), /^VM web, paused\. /],
    [vmItem("created"), /^VM web, created, .*2026/],
    [vmItem("exited", { exitCode: 0 }), /^VM web, exited \(0\), .*2026/],
    [vmItem("exited", { exitCode: 137 }), /^VM web, exited \(137\), /],
    [vmItem("exited", { exitCode: 137 }, "stopped"), /^VM web, stopped, /],
    [vmItem("failed"), /^VM web, failed, /],
    [vmItem("dead"), /^VM web, dead\. /],
    [vmItem("running", { runtime: "simulation" }), /\. simulated\. Image alpine/],
  ];
  for (const [item, words] of heard) assert.match(spoken(item), words);
});

test("what a screen reader says of a VM, its row shows in a word and a shape as well", () => {
  const shapes = new Map<string, string>();
  for (const item of [
    vmItem("running"),
    vmItem("running", {}, "stopping"),
    vmItem("paused"),
    vmItem("created"),
    vmItem("exited", { exitCode: 0 }),
    vmItem("exited", { exitCode: 3 }),
  ]) {
    const [word = ""] = String(item.description).split(" · ");
    assert.ok(spoken(item).includes(word), word);
    assert.ok(item.iconPath instanceof vscode.ThemeIcon);
    assert.equal(
      shapes.get(item.iconPath.id),
      undefined,
      `${word} looks like ${shapes.get(item.iconPath.id)}`,
    );
    shapes.set(item.iconPath.id, word);
  }
});

test("a narrow view cuts off what matters least of a VM, its memory and how long it booted", () => {
  const facts = { memoryMiB: 512, bootMs: 180 };
  assert.equal(vmItem("running", facts).description, "running · alpine · 512 MiB · booted in 180 ms");
  assert.equal(vmItem("exited", { ...facts, exitCode: 0 }).description, "exited (0) · alpine");
});

test("every other row is heard with its kind, its name and its state", () => {
  const source = new vscode.CancellationTokenSource();
  const pull = { reference: "debian:12", meter: new PullMeter(), source, done: new Promise<never>(() => {}) };
  const port = { protocol: "tcp" as const, guestPort: 80 };
  const heard: [vscode.TreeItem, string][] = [
    [
      new VmGroupItem("shop", { ...plainArrangement, groupBy: "project" }, [
        vmItem("running"),
        vmItem("created"),
      ]),
      "Group shop, 1 of 2 running",
    ],
    [
      new VmGroupItem("127.0.0.1:5000/team/web", { ...plainArrangement, groupBy: "repository" }, []),
      "Group web, 0 of 0 running · 127.0.0.1:5000/team",
    ],
    [new VmGroupItem("", { ...plainArrangement, groupBy: "label" }, []), "Group Others, 0 of 0 running"],
    [new HealthItem("1", "unhealthy"), "Health check: unhealthy"],
    [new PortItem("1", port), "Port 80 tcp, not published"],
    [
      new PortItem("1", { ...port, host: { port: 8080, addresses: ["0.0.0.0"] } }),
      "Port 8080 of this machine leads to port 80 tcp, open to others",
    ],
    [new EndpointItem("1", "none", undefined), "Network none not connected"],
    [
      new EndpointItem("1", "backend", {
        network: "backend",
        networkId: "n",
        aliases: [],
        links: [],
        problem: "its process has ended",
      }),
      "Network backend its process has ended",
    ],
    [
      new MountItem("1", { type: "volume", name: "pgdata", target: "/data", readOnly: true }),
      "Mount /data, pgdata · read-only",
    ],
    [new ImageItem(imageSummary(), true), "Image alpine:latest, 7.73MB · Jan 1, 2026 · used by VMs"],
    [new ImageItem(imageSummary(), false), "Image alpine:latest, 7.73MB · Jan 1, 2026 · not used"],
    [new PullItem(pull), "Pulling debian:12, connecting…"],
    [new VolumeItem(volume, ["db"]), "Volume pgdata, used by db"],
    [new VolumeItem({ ...volume, broken: "its record is empty" }, []), "Volume pgdata, its record is empty"],
    [new NetworkItem(network, []), "Network backend not used · 172.28.0.0/16"],
    [
      new NetworkItem({ ...network, problem: "the subnet is taken" }, []),
      "Network backend the subnet is taken · not used · 172.28.0.0/16",
    ],
    [new RunConfigurationItem(configuration, [], false), "Run configuration api, node:22"],
    [
      new RunConfigurationItem(configuration, [vmSummary()], true),
      "Run configuration api, running · node:22 · shop",
    ],
    [
      new RunConfigurationItem(
        { index: 1, offset: 0, name: "#2", folder, problem: 'has no "image"' },
        [],
        false,
      ),
      'Run configuration #2 has no "image"',
    ],
  ];
  for (const [item, words] of heard) assert.equal(spoken(item), words);
});
