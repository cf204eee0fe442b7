import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunConfiguration } from "../../../../extension/run-configurations/run-configuration.ts";
import {
  commandLine,
  createParams,
  type Defaults,
  portablePath,
  quote,
  resolvePath,
  splitWords,
  suggestTarget,
} from "../../../../extension/run-configurations/run-plan.ts";

const context = { workspaceFolder: "/ws/app", userHome: "/home/me" };
const defaults: Defaults = { cpus: 0, memoryMiB: 0, runtime: "auto", network: "bridge", autoRemove: false };

const full: RunConfiguration = {
  name: "full",
  image: "python:3",
  command: ["python3", "-c", "print('hi there')"],
  vmName: "web",
  volumes: [{ source: `\${workspaceFolder}/my site`, target: "/srv", readOnly: true }],
  env: { A: "1" },
  envFiles: [".env"],
  secrets: ["TOKEN"],
  cpus: 2,
  memoryMiB: 1024,
  runtime: "krun",
  network: "none",
  autoRemove: true,
};

test("paths of the file are absolute for the engine, and portable again in the file", () => {
  assert.equal(resolvePath(`\${workspaceFolder}/x`, context), "/ws/app/x");
  assert.equal(resolvePath(`\${userHome}/x`, context), "/home/me/x");
  assert.equal(resolvePath("~/x", context), "/home/me/x");
  assert.equal(resolvePath("./x", context), "/ws/app/x");
  assert.equal(resolvePath("/x/../y", context), "/y");
  assert.equal(portablePath("/ws/app/x", context), `\${workspaceFolder}/x`);
  assert.equal(portablePath("/ws/app", context), `\${workspaceFolder}`);
  assert.equal(portablePath("/ws/application", context), "/ws/application");
});

test("a guest path is suggested that is free", () => {
  assert.equal(suggestTarget("/a/data", [], false), "/mnt/data");
  assert.equal(suggestTarget("/b/data", ["/mnt/data"], false), "/mnt/data-2");
  assert.equal(suggestTarget("/ws/app", [], true), "/workspaces/app");
});

test("a configuration becomes what the engine is asked for; later sources of a variable come last", () => {
  assert.deepEqual(
    createParams(full, { context, defaults, fileEnv: ["A=0", "F=f"], secrets: { TOKEN: "s" } }),
    {
      image: "python:3",
      tty: true,
      openStdin: true,
      autoRemove: true,
      runtime: "krun",
      network: { mode: "none" },
      name: "web",
      command: ["python3", "-c", "print('hi there')"],
      mounts: [{ type: "bind", source: "/ws/app/my site", target: "/srv", readOnly: true }],
      env: ["A=0", "F=f", "A=1"],
      secretEnv: [{ name: "TOKEN" }],
      secretValues: { TOKEN: "s" },
      cpus: 2,
      memoryMiB: 1024,
    },
  );
  assert.deepEqual(createParams({ name: "a", image: "b" }, { context, defaults, fileEnv: [], secrets: {} }), {
    image: "b",
    tty: true,
    openStdin: true,
    autoRemove: false,
    runtime: "auto",
    network: { mode: "networks", attachments: [{ network: "bridge" }] },
  });
});

const connected: RunConfiguration = {
  name: "connected",
  image: "postgres",
  network: "backend",
  ports: ["127.0.0.1:5432:5432", "8000-8001:80-81", "53:53/udp"],
  volumes: [
    { type: "volume", source: "pgdata", target: "/var/lib/postgresql/data" },
    { type: "volume", source: "seed", target: "/seed", readOnly: true },
    { type: "volume", target: "/scratch" },
    { type: "volume", target: "/blank", readOnly: true },
    { type: "bind", source: "data", target: "/in" },
  ],
};

test("ports, a network and volumes become what the engine is asked for", () => {
  const params = createParams(connected, { context, defaults, fileEnv: [], secrets: {} });
  assert.deepEqual(params.network, { mode: "networks", attachments: [{ network: "backend" }] });
  assert.deepEqual(params.ports, [
    { protocol: "tcp", guestPort: 5432, hostAddress: "127.0.0.1", hostPort: 5432 },
    { protocol: "tcp", guestPort: 80, hostPort: 8000 },
    { protocol: "tcp", guestPort: 81, hostPort: 8001 },
    { protocol: "udp", guestPort: 53, hostPort: 53 },
  ]);
  assert.deepEqual(params.mounts, [
    { type: "volume", name: "pgdata", target: "/var/lib/postgresql/data", readOnly: false },
    { type: "volume", name: "seed", target: "/seed", readOnly: true },
    { type: "volume", target: "/scratch", readOnly: false },
    { type: "volume", target: "/blank", readOnly: true },
    { type: "bind", source: "/ws/app/data", target: "/in", readOnly: false },
  ]);
});

test("the network of the settings counts where the configuration has none", () => {
  const networkBy = (network: Defaults["network"]) =>
    createParams(
      { name: "a", image: "b" },
      { context, defaults: { ...defaults, network }, fileEnv: [], secrets: {} },
    ).network;
  assert.deepEqual(networkBy("none"), { mode: "none" });
  assert.deepEqual(networkBy("tsi"), { mode: "tsi" });
});

test("the command line is the same VM, and names no secret", () => {
  assert.equal(
    commandLine(full, context, defaults),
    "mocker run -it --rm --name web -v '/ws/app/my site:/srv:ro' --env-file /ws/app/.env -e A=1 --secret-env TOKEN --cpus 2 -m 1024m --runtime krun --network none python:3 python3 -c 'print('\\''hi there'\\'')'",
  );
  assert.equal(
    commandLine({ name: "e", image: "i", entrypoint: ["sh", "-c"], command: ["a b"] }, context, defaults),
    "mocker run -it --entrypoint sh i -c 'a b'",
  );
  assert.equal(
    commandLine(connected, context, defaults),
    "mocker run -it -p 127.0.0.1:5432:5432 -p 8000-8001:80-81 -p 53:53/udp " +
      "-v pgdata:/var/lib/postgresql/data -v seed:/seed:ro -v /scratch " +
      "--mount type=volume,target=/blank,readonly -v /ws/app/data:/in --network backend postgres",
  );
});

test("words survive quoting and splitting", () => {
  const words = ["plain", "", "two words", "it's", '"', "$HOME", "a\\b", "-x=1", "ü", "a\nb"];
  assert.deepEqual(splitWords(words.map(quote).join(" ")), words);
  assert.deepEqual(splitWords('sh -c "echo \\"a b\\""'), ["sh", "-c", 'echo "a b"']);
  assert.deepEqual(splitWords("  a  b "), ["a", "b"]);
  assert.equal(splitWords("sh -c 'open"), undefined);
  assert.deepEqual(splitWords(""), []);
});
