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
    createParams(full, { context, defaults, fileEnv: ["A=0", "F=f"], secretEnv: ["TOKEN=s"] }),
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
      env: ["A=0", "F=f", "A=1", "TOKEN=s"],
      cpus: 2,
      memoryMiB: 1024,
    },
  );
  assert.deepEqual(
    createParams({ name: "a", image: "b" }, { context, defaults, fileEnv: [], secretEnv: [] }),
    {
      image: "b",
      tty: true,
      openStdin: true,
      autoRemove: false,
      runtime: "auto",
      network: { mode: "networks", attachments: [{ network: "bridge" }] },
    },
  );
});

test("the command line is the same VM, and names no secret", () => {
  assert.equal(
    commandLine(full, context, defaults),
    "mocker run -it --rm --name web -v '/ws/app/my site:/srv:ro' --env-file /ws/app/.env -e A=1 -e TOKEN --cpus 2 -m 1024m --runtime krun --network none python:3 python3 -c 'print('\\''hi there'\\'')'",
  );
  assert.equal(
    commandLine({ name: "e", image: "i", entrypoint: ["sh", "-c"], command: ["a b"] }, context, defaults),
    "mocker run -it --entrypoint sh i -c 'a b'",
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
