import assert from "node:assert/strict";
import { test } from "node:test";
import { PathMapping } from "../../../../extension/debug/path-mapping.ts";

const mapping = new PathMapping([
  { local: "/home/me/app", remote: "/workspaces/app" },
  { local: "/home/me/app/data/", remote: "/data" },
  { local: "/home/me/app-2", remote: "/mnt/app-2" },
]);

test("a path goes to the VM and comes back; the innermost directory counts", () => {
  const pairs = [
    ["/home/me/app", "/workspaces/app"],
    ["/home/me/app/src/main.py", "/workspaces/app/src/main.py"],
    ["/home/me/app/data/x", "/data/x"],
    ["/home/me/app-2/x", "/mnt/app-2/x"],
  ] as const;
  for (const [local, remote] of pairs) {
    assert.equal(mapping.toRemote(local), remote);
    assert.equal(mapping.toLocal(remote), local);
  }
});

test("what is not shared stays as it is", () => {
  for (const path of ["/home/me/application/x", "/etc/passwd", "/", "relative/x"]) {
    assert.equal(mapping.toRemote(path), path);
    assert.equal(mapping.toLocal(path), path);
  }
});

test("breakpoints go to the VM with its paths, and nothing else of the request changes", () => {
  const request = {
    seq: 4,
    type: "request",
    command: "setBreakpoints",
    arguments: {
      source: {
        name: "/home/me/app/x",
        path: "/home/me/app/src/main.py",
        sources: [{ path: "/home/me/app/y" }],
      },
      breakpoints: [{ line: 3, condition: "path == '/home/me/app/z'" }],
    },
  };
  assert.deepEqual(mapping.messageToRemote(request).arguments, {
    source: {
      name: "/home/me/app/x",
      path: "/workspaces/app/src/main.py",
      sources: [{ path: "/workspaces/app/y" }],
    },
    breakpoints: [{ line: 3, condition: "path == '/home/me/app/z'" }],
  });
});

test("a stack's frames come back with the workspace's paths; values of variables do not change", () => {
  const response = {
    type: "response",
    command: "stackTrace",
    body: {
      stackFrames: [
        { id: 1, source: { path: "/workspaces/app/src/main.py" } },
        { id: 2, source: { path: "/usr/lib/x.py" } },
      ],
      variables: [{ name: "file", value: "/workspaces/app/x" }],
    },
  };
  assert.deepEqual(mapping.messageToLocal(response).body, {
    stackFrames: [
      { id: 1, source: { path: "/home/me/app/src/main.py" } },
      { id: 2, source: { path: "/usr/lib/x.py" } },
    ],
    variables: [{ name: "file", value: "/workspaces/app/x" }],
  });
});

test("of what an adapter is started with, any text may be a path", () => {
  const launch = {
    command: "launch",
    arguments: { args: ["--in", "/home/me/app/in"], nested: { deep: "/home/me/app" } },
  };
  assert.deepEqual(mapping.messageToRemote(launch).arguments, {
    args: ["--in", "/workspaces/app/in"],
    nested: { deep: "/workspaces/app" },
  });
});

test("where debug information has the host's paths is told as it is", () => {
  const sourceMap = [["/home/me/app", "/workspaces/app"]];
  const launch = { command: "launch", arguments: { program: "/home/me/app/main", sourceMap } };
  assert.deepEqual(mapping.messageToRemote(launch).arguments, { program: "/workspaces/app/main", sourceMap });
});
