import assert from "node:assert/strict";
import { test } from "node:test";
import { filterVms } from "../../../../engine/daemon/vms/vm-filters.ts";
import type { VmSummary } from "../../../../engine/protocol/vm.ts";

function vm(id: string, change: Partial<VmSummary>): VmSummary {
  return {
    id,
    name: `vm-${id}`,
    image: "web:latest",
    imageId: "sha256:1",
    command: [],
    createdAt: "2026-01-01T00:00:00Z",
    state: "running",
    status: "",
    runtime: "krun",
    labels: {},
    mounts: [],
    networks: ["bridge"],
    ports: [],
    ...change,
  };
}

const all = [
  vm("c", { state: "exited", exitCode: 3, labels: { tier: "db" } }),
  vm("b", {
    runtime: "simulation",
    labels: { tier: "web", env: "dev" },
    ports: [
      { guestPort: 80, protocol: "tcp", host: { address: "0.0.0.0", port: 8080 } },
      { guestPort: 90, protocol: "udp" },
    ],
  }),
  vm("a", { imageId: "sha256:2", image: "db", networks: ["web"] }),
];

async function ids(filters: Record<string, string[]>): Promise<string> {
  const kept = await filterVms(all, filters, {
    all,
    imageId: async (reference) => (reference === "web" ? "sha256:1" : undefined),
    networkId: (name) => `id-of-${name}`,
    find: (name) => all.find((candidate) => candidate.name === name) as VmSummary,
  });
  return kept.map((candidate) => candidate.id).join("");
}

test("published ports are the host's and exposed ones the guest's, networks go by name or whole ID", async () => {
  assert.equal(await ids({ publish: ["8080"] }), "b");
  assert.equal(await ids({ publish: ["8070-8085/tcp"] }), "b");
  assert.equal(await ids({ publish: ["80", "90/udp"] }), "");
  assert.equal(await ids({ expose: ["90/udp"] }), "b");
  assert.equal(await ids({ network: ["web"] }), "a");
  assert.equal(await ids({ network: ["id-of-bridge"] }), "cb");
  assert.equal(await ids({ network: ["nosuch"] }), "");
  await assert.rejects(ids({ publish: ["x"] }), {
    message: 'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax',
  });
});

test("values of a key are alternatives, keys must all hold", async () => {
  assert.equal(await ids({ status: ["running", "exited"] }), "cba");
  assert.equal(await ids({ status: ["running"], runtime: ["krun"] }), "a");
  assert.equal(await ids({ label: ["tier=web", "env"] }), "b");
  assert.equal(await ids({ label: ["tier"] }), "cb");
});

test("name is a regular expression, ancestor an image, exited a code", async () => {
  assert.equal(await ids({ name: ["^/?vm-[ab]$"] }), "ba");
  assert.equal(await ids({ ancestor: ["web"] }), "cb");
  assert.equal(await ids({ exited: ["3"] }), "c");
});

test("before and since go by age", async () => {
  assert.equal(await ids({ before: ["vm-b"] }), "a");
  assert.equal(await ids({ since: ["vm-b"] }), "c");
});

test("an unknown filter is named", async () => {
  await assert.rejects(ids({ colour: ["red"] }), { message: "invalid filter 'colour'" });
});
