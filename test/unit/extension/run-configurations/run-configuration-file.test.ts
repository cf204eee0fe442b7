import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addConfiguration,
  addVolume,
  deleteConfiguration,
  duplicateConfiguration,
  readConfigurations,
  saveConfiguration,
} from "../../../../extension/run-configurations/run-configuration-file.ts";

const file = `{
  // Ours.
  "runConfigurations": [
    {
      // The web server.
      "name": "web",
      "image": "python", // 3.x
      "env": { "PORT": "80" }
    },
    /* Second. */
    { "name": "db", "image": "postgres" }, // trailing
  ],
}
`;

const comments = ["// Ours.", "// The web server.", "// 3.x", "/* Second. */", "// trailing"];

function names(text: string): string[] {
  return readConfigurations(text).entries.map((entry) => entry.name);
}

function assertKeepsComments(text: string, kept = comments): void {
  for (const comment of kept) assert.ok(text.includes(comment), `${comment} is gone:\n${text}`);
}

test("reads comments and trailing commas, and where each configuration begins", () => {
  const { entries, problem } = readConfigurations(file);
  assert.equal(problem, undefined);
  assert.deepEqual(
    entries.map((entry) => file.slice(entry.offset).replace(/\s+/g, " ").slice(0, 19)),
    ["{ // The web server", '{ "name": "db", "im'],
  );
  assert.deepEqual(entries[0]?.configuration, { name: "web", image: "python", env: { PORT: "80" } });
});

test("a new file gets a first configuration", () => {
  const text = addConfiguration("", { name: "a", image: "alpine" });
  assert.deepEqual(names(text), ["a"]);
  assert.ok(text.includes("//"));
});

test("every edit keeps comments", () => {
  const added = addConfiguration(file, {
    name: "c",
    image: "alpine",
    volumes: [{ source: "x", target: "/x" }],
  });
  assert.deepEqual(names(added), ["web", "db", "c"]);
  assertKeepsComments(added);

  const saved = saveConfiguration(file, { name: "web", image: "python:3.13", cpus: 2 });
  assert.deepEqual(readConfigurations(saved).entries[0]?.configuration, {
    name: "web",
    image: "python:3.13",
    cpus: 2,
  });
  assertKeepsComments(saved);

  const copied = duplicateConfiguration(file, "web");
  assert.equal(copied.name, "web copy");
  assert.deepEqual(names(copied.text), ["web", "db", "web copy"]);
  assertKeepsComments(copied.text);
  assert.equal(duplicateConfiguration(copied.text, "web copy").name, "web copy 2");

  const shared = addVolume(addVolume(file, "db", { source: "a", target: "/a" }), "db", {
    source: "b",
    target: "/b",
  });
  assert.deepEqual(readConfigurations(shared).entries[1]?.configuration?.volumes, [
    { source: "a", target: "/a" },
    { source: "b", target: "/b" },
  ]);
  assertKeepsComments(shared);

  const deleted = deleteConfiguration(file, "db");
  assert.deepEqual(names(deleted), ["web"]);
  assertKeepsComments(deleted, ["// Ours.", "// The web server.", "// 3.x", "// trailing"]);
  assert.deepEqual(names(deleteConfiguration(file, "web")), ["db"]);
  assert.deepEqual(names(deleteConfiguration(deleted, "web")), []);

  const smaller = saveConfiguration(file, { name: "web", image: "python" });
  assert.deepEqual(readConfigurations(smaller).entries[0]?.configuration, { name: "web", image: "python" });
  assertKeepsComments(smaller);
});

test("tabs and CRLF stay", () => {
  const text = '{\r\n\t"runConfigurations": [\r\n\t\t{ "name": "a", "image": "b" }\r\n\t]\r\n}\r\n';
  const added = addConfiguration(text, { name: "c", image: "d" });
  assert.equal(added.replaceAll("\r\n", "").includes("\n"), false);
  assert.ok(added.includes('\r\n\t\t\t"name": "c"'));
});

test("what is wrong is said, and the rest still read", () => {
  const { entries } = readConfigurations(
    `{ "runConfigurations": [ { "name": "a" }, 5, { "name": "b", "image": "x", "cpus": 1.5 }, { "name": "c", "image": "x", "typo": 1 }, { "name": "d", "image": "x" } ] }`,
  );
  assert.deepEqual(
    entries.map((entry) => entry.problem),
    [
      'has no "image"',
      "is not an object",
      'has a wrong value for "cpus"',
      'has an unknown member "typo"',
      undefined,
    ],
  );
  assert.match(readConfigurations('{ "runConfigurations": [').problem ?? "", /line 1/);
  // An empty file is one without configurations.
  for (const empty of ["", " \n"]) assert.deepEqual(readConfigurations(empty), { entries: [] });
  assert.deepEqual(readConfigurations("[]").entries, []);
});

test("a configuration has ports, a network and volumes; what is wrong with one is told in Docker's words", () => {
  const problemOf = (members: object) => {
    const text = JSON.stringify({ runConfigurations: [{ name: "a", image: "b", ...members }] });
    return readConfigurations(text).entries[0]?.problem;
  };
  for (const members of [
    { ports: ["80", "127.0.0.1:8080:80", "53:53/udp", "8000-8001:80-81"], network: "backend" },
    { network: "tsi" },
    { volumes: [{ source: "data", target: "/data" }] },
    { volumes: [{ type: "bind", source: "data", target: "/data" }] },
    { volumes: [{ type: "volume", source: "data", target: "/data", readOnly: true }] },
    { volumes: [{ type: "volume", target: "/data" }] },
  ]) {
    assert.equal(problemOf(members), undefined, JSON.stringify(members));
  }
  assert.equal(problemOf({ ports: ["80:x"] }), 'has a wrong port "80:x": invalid containerPort: x');
  for (const [key, value] of [
    ["ports", [80]],
    ["ports", "80"],
    ["network", ["backend"]],
    ["volumes", [{ target: "/data" }]],
    ["volumes", [{ type: "tmpfs", source: "x", target: "/data" }]],
    ["volumes", [{ type: "volume", source: "./data", target: "/data" }]],
    ["volumes", [{ type: "volume", source: "data" }]],
  ] as const) {
    assert.equal(problemOf({ [key]: value }), `has a wrong value for "${key}"`, JSON.stringify(value));
  }
});
