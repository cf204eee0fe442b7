import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExpose, parsePort, parsePublish, portsColumn } from "../../../engine/docker/ports.ts";
import type { VmPort } from "../../../engine/protocol/index.ts";

const tcp = { protocol: "tcp", guestPort: 80 };

for (const [text, ports] of [
  ["80", [tcp]],
  ["80/udp", [{ ...tcp, protocol: "udp" }]],
  ["80/TCP", [tcp]],
  [":80", [tcp]],
  ["0:80", [tcp]],
  ["8080:80", [{ ...tcp, hostPort: 8080 }]],
  ["127.0.0.1:8080:80", [{ ...tcp, hostAddress: "127.0.0.1", hostPort: 8080 }]],
  ["127.0.0.1::80", [{ ...tcp, hostAddress: "127.0.0.1" }]],
  ["[::1]:8080:80", [{ ...tcp, hostAddress: "::1", hostPort: 8080 }]],
  ["::1:8080:80", [{ ...tcp, hostAddress: "::1", hostPort: 8080 }]],
  ["8000-8010:80", [{ ...tcp, hostPort: 8000, hostPortEnd: 8010 }]],
  [
    "8000-8001:80-81/udp",
    [
      { protocol: "udp", guestPort: 80, hostPort: 8000 },
      { protocol: "udp", guestPort: 81, hostPort: 8001 },
    ],
  ],
  ["target=80,published=8080,protocol=udp", [{ protocol: "udp", guestPort: 80, hostPort: 8080 }]],
] as const) {
  test(`-p ${text}`, () => assert.deepEqual(parsePublish(text), ports));
}

for (const [text, message] of [
  ["", "no port specified: <empty>"],
  ["80:", "no port specified: 80:<empty>"],
  ["x", "invalid containerPort: x"],
  ["80:70000", "invalid containerPort: 70000"],
  ["9-8:1", "invalid hostPort: 9-8"],
  ["80/foo", "invalid proto: foo"],
  ["80/sctp", "ports of the protocol sctp cannot be published"],
  ["300.1.1.1:80:80", "invalid IP address: 300.1.1.1"],
  ["1:2:3:4", "invalid IP address: 1:2"],
  ["8000-8001:80-82", "invalid ranges specified for container and host Ports: 80-82 and 8000-8001"],
  ["target=80,foo=1", "invalid field key foo"],
] as const) {
  test(`-p ${text || "(nothing)"} is refused in Docker's words`, () =>
    assert.throws(() => parsePublish(text), { code: "INVALID_ARGUMENT", message }));
}

test("--expose takes ports and ranges, and refuses the rest in Docker's words", () => {
  assert.deepEqual(parseExpose("80"), ["80/tcp"]);
  assert.deepEqual(parseExpose("80-82/UDP"), ["80/udp", "81/udp", "82/udp"]);
  for (const [text, message] of [
    ["80:80", "invalid port format for --expose: 80:80"],
    ["", "invalid range format for --expose: , error: empty string specified for ports"],
    ["x", 'invalid range format for --expose: x, error: strconv.ParseUint: parsing "x": invalid syntax'],
    [
      "70000",
      'invalid range format for --expose: 70000, error: strconv.ParseUint: parsing "70000": value out of range',
    ],
    ["82-80", "invalid range format for --expose: 82-80, error: invalid range specified for port: 82-80"],
  ] as const) {
    assert.throws(() => parseExpose(text), { message });
  }
});

test("a port is a number with a protocol", () => {
  assert.deepEqual(parsePort("80/udp"), { guestPort: 80, protocol: "udp" });
  assert.deepEqual(parsePort("80"), tcp);
  for (const text of ["", "x", "0", "70000", "80/sctp"]) assert.equal(parsePort(text), undefined, text);
});

function port(guestPort: number, host?: string, protocol: VmPort["protocol"] = "tcp"): VmPort {
  const colon = host?.lastIndexOf(":") ?? 0;
  if (host === undefined) return { protocol, guestPort };
  return {
    protocol,
    guestPort,
    host: { address: host.slice(0, colon), port: Number(host.slice(colon + 1)) },
  };
}

for (const [what, ports, column] of [
  ["nothing", [], ""],
  [
    "both families",
    [port(80, "0.0.0.0:8080"), port(80, ":::8080")],
    "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
  ],
  ["an exposed port", [port(80)], "80/tcp"],
  [
    "ranges where the numbers are the same",
    [port(81, "0.0.0.0:81"), port(80, "0.0.0.0:80"), port(83, "0.0.0.0:83")],
    "0.0.0.0:80-81->80-81/tcp, 0.0.0.0:83->83/tcp",
  ],
  [
    "other numbers behind them",
    [port(70, "127.0.0.1:7000"), port(80), port(81), port(53, "0.0.0.0:53", "udp")],
    "0.0.0.0:53->53/udp, 80-81/tcp, 127.0.0.1:7000->70/tcp",
  ],
] as const) {
  test(`the PORTS column has ${what}`, () => assert.equal(portsColumn(ports), column));
}
