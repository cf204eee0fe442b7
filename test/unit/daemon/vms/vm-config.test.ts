import assert from "node:assert/strict";
import { test } from "node:test";
import { makeVmConfig } from "../../../../engine/daemon/vms/vm-config.ts";
import type { ImageDetails } from "../../../../engine/protocol/image.ts";
import type { VmCreateParams } from "../../../../engine/protocol/vm.ts";

const image: ImageDetails = {
  id: `sha256:${"a".repeat(64)}`,
  repoTags: ["web:latest"],
  repoDigests: [],
  created: "2026-01-01T00:00:00Z",
  sizeBytes: 1,
  architecture: "amd64",
  os: "linux",
  labels: {},
  manifestDigest: `sha256:${"b".repeat(64)}`,
  layers: [],
  author: "",
  config: {
    env: ["PATH=/bin", "LANG=C"],
    entrypoint: ["/entry"],
    cmd: ["serve"],
    workingDir: "/srv",
    user: "app",
    stopSignal: "SIGQUIT",
    exposedPorts: [],
    volumes: [],
    labels: { a: "image" },
  },
};

function config(params: Partial<VmCreateParams> = {}): ReturnType<typeof makeVmConfig> {
  return makeVmConfig(
    { image: "web", ...params },
    {
      image,
      name: "name",
      runtime: "simulation",
      mounts: [],
      network: { mode: "none" },
      ports: [],
      now: new Date(0),
    },
  );
}

test("the image's configuration is the default", () => {
  const made = config();
  assert.deepEqual([...made.entrypoint, ...made.cmd], ["/entry", "serve"]);
  assert.equal(made.workingDir, "/srv");
  assert.equal(made.user, "app");
  assert.equal(made.stopSignal, "SIGQUIT");
  assert.deepEqual(made.env, ["PATH=/bin", "LANG=C"]);
});

test("arguments replace the image's, an entry point drops them", () => {
  assert.deepEqual(config({ command: ["x"] }).cmd, ["x"]);
  const replaced = config({ entrypoint: ["/sh"] });
  assert.deepEqual([replaced.entrypoint, replaced.cmd], [["/sh"], []]);
  const cleared = config({ entrypoint: [""], command: ["/bin/true"] });
  assert.deepEqual([cleared.entrypoint, cleared.cmd], [[], ["/bin/true"]]);
});

test("the user's variables win and arrive unchanged", () => {
  const made = config({ env: ["LANG=de", 'A=b c"d$e', "EMPTY="] });
  assert.deepEqual(made.env, ["LANG=de", 'A=b c"d$e', "EMPTY=", "PATH=/bin"]);
  assert.deepEqual(config({ env: ["A=1", "LANG", "NONE"] }).env, ["A=1", "PATH=/bin"]);
});

for (const [what, params, message] of [
  ["a relative working directory", { workingDir: "srv" }, /working directory 'srv' is invalid/],
  ["no command at all", { entrypoint: [""] }, /no command specified/],
  ["an unknown signal", { stopSignal: "SIGNOPE" }, /invalid signal: SIGNOPE/],
  ["too little memory", { memoryMiB: 4 }, /Minimum memory limit/],
  ["too many CPUs", { cpus: 10_000 }, /range of CPUs/],
  ["a bad hostname", { hostname: "a b" }, /invalid hostname: a b/],
] as [string, Partial<VmCreateParams>, RegExp][]) {
  test(`${what} is refused by name`, () => {
    assert.throws(() => config(params), { message });
  });
}

test("a restart policy is kept where it is one, and not beside --rm", () => {
  const always = { name: "always", maximumRetryCount: 0 } as const;
  assert.deepEqual(config({ restart: always }).restart, always);
  assert.equal(config({ restart: { name: "no", maximumRetryCount: 0 } }).restart, undefined);
  assert.throws(() => config({ restart: always, autoRemove: true }), {
    message: "can't create 'AutoRemove' container with restart policy",
  });
  assert.throws(() => config({ restart: { ...always, maximumRetryCount: 1 } }), {
    message: "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  });
});
