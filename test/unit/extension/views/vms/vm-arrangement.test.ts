import assert from "node:assert/strict";
import { test } from "node:test";
import type { VmSummary } from "../../../../../engine/protocol/index.ts";
import {
  groupVms,
  isArrangement,
  matchesVm,
  plainArrangement,
  VmOrder,
} from "../../../../../extension/views/vms/vm-arrangement.ts";
import { arrangementText, vmMessage } from "../../../../../extension/views/vms/vm-view-texts.ts";
import { vmSummary } from "../../records.ts";

const vm = (name: string, minute: number, more: Partial<VmSummary> = {}) =>
  vmSummary({ id: name, name, createdAt: `2026-01-01T00:0${minute}:00Z`, ...more });
const project = (name: string) => ({ labels: { "com.docker.compose.project": name } });
const names = (vms: readonly VmSummary[]) => vms.map(({ name }) => name);

const web = vm("web", 1, { image: "127.0.0.1:5000/team/web:1.2", ...project("shop") });
const db = vm("db", 2, { image: "postgres:16@sha256:ab", ...project("shop"), state: "exited" });
const api = vm("Api", 3, { image: "127.0.0.1:5000/team/web", labels: { tier: "front" }, state: "created" });
const all = [web, db, api];

test("VMs are in groups by project, repository or a label, those of none last", () => {
  const groups = (more: Partial<typeof plainArrangement>) =>
    groupVms(all, { ...plainArrangement, ...more }).map(({ name, vms }) => [name, ...names(vms)]);
  assert.deepEqual(groups({ groupBy: "project" }), [
    ["shop", "web", "db"],
    ["", "Api"],
  ]);
  assert.deepEqual(groups({ groupBy: "repository" }), [
    ["127.0.0.1:5000/team/web", "web", "Api"],
    ["postgres", "db"],
  ]);
  assert.deepEqual(groups({ groupBy: "label", label: "tier" }), [
    ["front", "Api"],
    ["", "web", "db"],
  ]);
});

test("a filter finds words anywhere in name, image, labels and networks, whatever their case", () => {
  const found = (filter: string) => names(all.filter((one) => matchesVm(one, filter)));
  assert.deepEqual(found(""), ["web", "db", "Api"]);
  assert.deepEqual(found("API"), ["Api"]);
  assert.deepEqual(found("team web"), ["web", "Api"]);
  assert.deepEqual(found("tier=front"), ["Api"]);
  assert.deepEqual(found("bridge postgres"), ["db"]);
  // A row does not go because its VM ends.
  assert.deepEqual(found("exited"), []);
});

test("VMs are in the order of creation, name or state", () => {
  const order = new VmOrder();
  assert.deepEqual(names(order.sorted(all, "created")), ["Api", "db", "web"]);
  const ended = { ...api, state: "exited" as const };
  assert.deepEqual(names(order.sorted([web, db, ended], "created")), ["Api", "db", "web"]);
  assert.deepEqual(names(order.sorted(all, "name")), ["Api", "db", "web"]);
  assert.deepEqual(names(order.sorted(all, "state")), ["web", "Api", "db"]);
});

test("by state, rows keep their places while VMs start, end and come, until the view opens again", () => {
  const order = new VmOrder();
  order.sorted(all, "state");
  const ended: VmSummary = { ...web, state: "exited" };
  const started: VmSummary = { ...db, state: "running" };
  const fresh = vm("fresh", 4);
  assert.deepEqual(names(order.sorted([ended, started, api], "state")), ["web", "Api", "db"]);
  assert.deepEqual(names(order.sorted([ended, started, api, fresh], "state")), ["fresh", "web", "Api", "db"]);
  assert.deepEqual(names(order.sorted([ended, started, fresh], "state")), ["fresh", "web", "db"]);
  order.forget();
  assert.deepEqual(names(order.sorted([ended, started, api, fresh], "state")), ["fresh", "db", "Api", "web"]);
});

test("the view says how it is arranged, and that a filter finds nothing", () => {
  assert.equal(arrangementText(plainArrangement), "");
  assert.equal(
    arrangementText({ groupBy: "label", label: "tier", sortBy: "name", filter: "web" }),
    "“web” · by tier · sorted by name",
  );
  assert.equal(vmMessage(all, { ...plainArrangement, filter: "nosuch" }), "Nothing matches “nosuch”.");
  assert.equal(vmMessage([], { ...plainArrangement, filter: "nosuch" }), "");
  assert.equal(vmMessage(all, plainArrangement), "");
  assert.equal(
    vmMessage([{ ...web, runtime: "simulation" }], plainArrangement),
    "Simulated VMs are not isolated.",
  );
});

test("what was remembered by another version is not taken for an arrangement", () => {
  assert.ok(isArrangement(plainArrangement));
  for (const value of [undefined, null, "name", {}, { ...plainArrangement, groupBy: "colour" }]) {
    assert.equal(isArrangement(value), false);
  }
});
