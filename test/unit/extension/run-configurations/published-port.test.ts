import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clashOf,
  isOpenToOthers,
  publishLabel,
  publishProblem,
  suggestHostPort,
  withHostAddress,
} from "../../../../extension/run-configurations/published-port.ts";

test("the address of a published port is changed, and nothing else of it", () => {
  for (const [text, local, open] of [
    ["8080:80", "127.0.0.1:8080:80", "8080:80"],
    ["0.0.0.0:8080:80", "127.0.0.1:8080:80", "8080:80"],
    ["53:53/udp", "127.0.0.1:53:53/udp", "53:53/udp"],
    ["80", "127.0.0.1::80", "80"],
    ["127.0.0.1::80", "127.0.0.1::80", "80"],
    ["8000-8002:80-82", "127.0.0.1:8000-8002:80-82", "8000-8002:80-82"],
    ["8000-8010:80", "127.0.0.1:8000-8010:80", "8000-8010:80"],
    ["[::1]:8080:80", "127.0.0.1:8080:80", "8080:80"],
  ] as const) {
    assert.equal(withHostAddress(text, "127.0.0.1"), local);
    assert.equal(withHostAddress(text, undefined), open);
  }
  assert.equal(withHostAddress("8080:80", "::1"), "[::1]:8080:80");
});

test("a label leaves the address out", () => {
  assert.equal(publishLabel("127.0.0.1:8080:80"), "8080 → 80/tcp");
  assert.equal(publishLabel("[::1]:53:5353/udp"), "53 → 5353/udp");
  assert.equal(publishLabel("127.0.0.1::80"), "? → 80/tcp");
  assert.equal(publishLabel("8000-8001:80-81"), "8000-8001 → 80-81/tcp");
});

test("what other machines reach is open", () => {
  for (const open of [undefined, "", "0.0.0.0", "::", "192.168.1.5", "fe80::1"])
    assert.ok(isOpenToOthers(open), open);
  for (const local of ["127.0.0.1", "127.1.2.3", "::1"]) assert.ok(!isOpenToOthers(local), local);
});

test("what -p refuses is told in its words", () => {
  assert.equal(publishProblem("127.0.0.1:8080:80/udp"), undefined);
  assert.equal(publishProblem("a:80"), "invalid hostPort: a");
  assert.equal(publishProblem("80:b"), "invalid containerPort: b");
  assert.match(publishProblem("80:80/sctp") ?? "", /sctp cannot be published\. Publish tcp or udp ports\./);
  assert.match(publishProblem("") ?? "", /no port specified/);
});

test("a host port is suggested that an ordinary user may have and nobody has", async () => {
  assert.equal(await suggestHostPort(80, () => false), 8080);
  assert.equal(await suggestHostPort(443, () => false), 8443);
  assert.equal(await suggestHostPort(5432, () => false), 5432);
  assert.equal(await suggestHostPort(80, (port) => port < 8083), 8083);
  assert.equal(await suggestHostPort(65_535, () => true), 65_535);
});

test("two ports clash where one address of the host would be taken twice", () => {
  assert.equal(clashOf(["127.0.0.1:8080:80", "127.0.0.1:8081:80"]), undefined);
  assert.equal(clashOf(["127.0.0.1:8080:80", "127.0.0.1:8080:81"]), 8080);
  assert.equal(clashOf(["8080:80", "127.0.0.1:8080:81"]), 8080);
  assert.equal(clashOf(["127.0.0.1:8080:80", "192.168.1.5:8080:80"]), undefined);
  assert.equal(clashOf(["8080:80", "8080:80/udp"]), undefined);
  assert.equal(clashOf(["8000-8002:80-82", "8001:90"]), 8001);
  assert.equal(clashOf(["80", "80"]), undefined);
});
