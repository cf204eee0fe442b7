import assert from "node:assert/strict";
import { test } from "node:test";
import {
  networkOfFlags,
  parseDnsServer,
  parseExtraHost,
  parseLink,
  parseNetworkFlag,
  parseSearchDomain,
} from "../../../engine/docker/network-options.ts";

const nothing = { aliases: [], address: undefined, mac: undefined, links: [] };

test("--network takes a name or fields", () => {
  assert.deepEqual(parseNetworkFlag("web"), { network: "web" });
  assert.deepEqual(parseNetworkFlag("name=web,alias=DB,alias=b,ip=10.0.0.2,mac-address=02:00:00:00:00:01"), {
    network: "web",
    aliases: ["db", "b"],
    address: "10.0.0.2",
    mac: "02:00:00:00:00:01",
  });
  assert.throws(() => parseNetworkFlag("name=a,foo=b"), { message: "invalid field key foo" });
  assert.throws(() => parseNetworkFlag("alias=a"), { message: "network name/id is not specified" });
});

test("nothing said leaves the network to the engine", () => {
  assert.equal(networkOfFlags([], nothing), undefined);
});

test("modes are no networks, and what is said beside --network is of the first", () => {
  assert.deepEqual(networkOfFlags([{ network: "none" }], nothing), { mode: "none" });
  assert.deepEqual(networkOfFlags([{ network: "tsi" }], nothing), { mode: "tsi" });
  assert.deepEqual(
    networkOfFlags([{ network: "web" }, { network: "db" }], {
      ...nothing,
      aliases: ["w"],
      address: "10.0.0.2",
    }),
    {
      mode: "networks",
      attachments: [{ network: "web", aliases: ["w"], address: "10.0.0.2" }, { network: "db" }],
    },
  );
  assert.deepEqual(networkOfFlags([], { ...nothing, links: ["db"] }), {
    mode: "networks",
    attachments: [{ network: "default", links: ["db"] }],
  });
});

for (const [what, networks, flags, message] of [
  [
    "an alias on the default network",
    [],
    { aliases: ["x"] },
    "network-scoped aliases are only supported for user-defined networks",
  ],
  [
    "an alias on passt",
    ["passt"],
    { aliases: ["x"] },
    "network-scoped aliases are only supported for user-defined networks",
  ],
  [
    "an address on passt",
    ["passt"],
    { address: "10.0.2.9" },
    "user specified IP address is supported on user defined networks only",
  ],
  [
    "a MAC address on tsi",
    ["tsi"],
    { mac: "02:42:0a:00:00:01" },
    "conflicting options: mac-address and the network mode",
  ],
  [
    "a link on passt",
    ["passt"],
    { links: ["db"] },
    "conflicting options: passt networking can't be used with links",
  ],
  ["one network twice", ["a", "a"], {}, 'network "a" is specified multiple times'],
  [
    "a mode beside a network",
    ["host", "a"],
    {},
    "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
  ],
  ["no MAC address", ["a"], { mac: "x" }, "x is not a valid mac address"],
  [
    "a group's MAC address",
    ["a"],
    { mac: "01:00:5e:00:00:01" },
    "01:00:5e:00:00:01 is not a valid mac address",
  ],
  [
    "another VM's network",
    ["container:a"],
    {},
    "a VM cannot have the network of another one: each VM has a kernel of its own",
  ],
  [
    "passt beside a network",
    ["passt", "a"],
    {},
    "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
  ],
] as const) {
  test(`${what} is refused`, () =>
    assert.throws(
      () =>
        networkOfFlags(
          networks.map((network) => ({ network })),
          { ...nothing, ...flags },
        ),
      { message },
    ));
}

test("aliases may stand in one place only", () => {
  assert.throws(() => networkOfFlags([{ network: "a", aliases: ["b"] }], { ...nothing, aliases: ["x"] }), {
    message: "conflicting options: cannot specify both --network-alias and per-network alias",
  });
});

test("--add-host takes both of Docker's forms, and host-gateway", () => {
  assert.equal(parseExtraHost("x:1.2.3.4"), "x:1.2.3.4");
  assert.equal(parseExtraHost("x=[::1]"), "x:::1");
  assert.equal(parseExtraHost("x:::1"), "x:::1");
  assert.equal(parseExtraHost("h:host-gateway"), "h:host-gateway");
  assert.throws(() => parseExtraHost("x"), { message: 'bad format for add-host: "x"' });
  assert.throws(() => parseExtraHost("x:y"), { message: 'invalid IP address in add-host: "y"' });
});

test("resolvers, search domains and links are checked", () => {
  assert.equal(parseDnsServer(" 8.8.8.8"), "8.8.8.8");
  assert.throws(() => parseDnsServer("x"), { message: "IP address is not correctly formatted: x" });
  assert.equal(parseSearchDomain("."), ".");
  assert.equal(parseSearchDomain("corp.example"), "corp.example");
  assert.throws(() => parseSearchDomain("x..y"), { message: "x..y is not a valid domain" });
  assert.deepEqual(parseLink("db"), { vm: "db", alias: "db" });
  assert.deepEqual(parseLink("/db:d"), { vm: "/db", alias: "d" });
  assert.throws(() => parseLink("a:b:c"), { message: "bad format for links: a:b:c" });
});
