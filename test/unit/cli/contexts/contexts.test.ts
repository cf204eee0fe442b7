import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { contextName, endpointOf } from "../../../../engine/cli/contexts/endpoint.ts";
import { parseEndpoint } from "../../../../engine/client/endpoint.ts";
import { vmList } from "../../../../engine/protocol/index.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";
import { vmSummary } from "../fixtures.ts";
import { runOffline, Setup } from "../harness.ts";

describe("how an engine's place is named", () => {
  for (const [url, wanted] of [
    ["unix:///run/x/engine.sock", { kind: "unix", path: "/run/x/engine.sock" }],
    ["ssh://box", { kind: "ssh", host: "box" }],
    ["ssh://me@box:2222", { kind: "ssh", host: "box", user: "me", port: "2222" }],
    ["ssh://[::1]/a%20b/engine.sock", { kind: "ssh", host: "::1", path: "/a b/engine.sock" }],
  ] as const)
    test(url, () => assert.deepEqual(parseEndpoint(url), { url, ...wanted }));
  for (const [url, why] of [
    ["ssh://", /ssh host connection ssh:\/\/ is not valid: no host specified/],
    ["ssh://me:secret@box", /plain-text password is not supported/],
    ["ssh://box?x", /extra query after the host: "x"/],
    ["ssh://box#x", /extra fragment after the host: "x"/],
    ["unix://engine.sock", /the path of a socket is absolute/],
    ["tcp://box:2375", /--host is not supported/],
    ["box", /--host is not supported/],
  ] as const)
    test(url, () => assert.throws(() => parseEndpoint(url), why));
});

test("contexts are created, listed, shown, used, inspected and removed in Docker's words", async () => {
  const config = tmpDir();
  const env = { XDG_CONFIG_HOME: config, MOCKER_RUN_DIR: "/run/own" };
  const run = async (...argv: string[]) => await runOffline(argv, env);
  const own = "unix:///run/own/engine.sock";
  assert.deepEqual(
    await run("context", "create", "lab", "--description", "The lab's", "--docker", "host=ssh://me@lab"),
    { code: 0, stdout: "lab\n", stderr: 'Successfully created context "lab"\n' },
  );
  assert.equal((await run("context", "create", "copy", "--from", "lab")).code, 0);
  assert.equal((await run("context", "create", "mine")).code, 0);
  assert.equal((await run("context", "show")).stdout, "default\n");
  assert.deepEqual(await run("context", "use", "lab"), {
    code: 0,
    stdout: "lab\n",
    stderr: 'Current context is now "lab"\n',
  });
  assert.equal(
    (await run("context", "ls")).stdout,
    [
      "NAME      DESCRIPTION                               DOCKER ENDPOINT               ERROR",
      "copy      The lab's                                 ssh://me@lab                  ",
      `default   Current MOCKER_HOST based configuration   ${own}   `,
      "lab *     The lab's                                 ssh://me@lab                  ",
      `mine                                                ${own}   `,
      "",
    ].join("\n"),
  );
  assert.equal((await run("context", "ls", "-q")).stdout, "copy\ndefault\nlab\nmine\n");
  assert.equal(
    (await run("context", "inspect", "--format", "{{.Name}} {{.Endpoints.docker.Host}}")).stdout,
    "lab ssh://me@lab\n",
  );
  const [inspected] = JSON.parse((await run("context", "inspect", "lab")).stdout) as unknown[];
  assert.deepEqual(inspected, {
    Name: "lab",
    Metadata: { Description: "The lab's" },
    Endpoints: { docker: { Host: "ssh://me@lab", SkipTLSVerify: false } },
    TLSMaterial: {},
    Storage: { MetadataPath: join(config, "mocker", "contexts.json"), TLSPath: "<IN MEMORY>" },
  });
  for (const [argv, said] of [
    [["rm", "lab"], 'context "lab" is in use, set -f flag to force remove\n'],
    [["rm", "default"], 'context "default" cannot be removed\n'],
    [["rm", "nope"], 'context "nope" does not exist\n'],
    [["use", "nope"], 'mocker: context "nope" not found\nhint: See: mocker context ls\n'],
    [["create", "lab"], 'mocker: context "lab" already exists\n'],
    [["create", "default"], 'mocker: "default" is a reserved context name\n'],
    [["create", "x", "--docker", "port=1"], "unrecognized config key: port\n"],
  ] as const) {
    const { code, stderr } = await run("context", ...argv);
    assert.deepEqual([code, stderr], [1, said]);
  }
  assert.match((await run("context", "create", "-", "--docker", "host=x")).stderr, /neither unix:\/\/PATH/);
  assert.deepEqual(await run("context", "rm", "-f", "lab", "mine"), {
    code: 0,
    stdout: "lab\nmine\n",
    stderr: "",
  });
  assert.equal((await run("context", "show")).stdout, "default\n");
  writeFileSync(join(config, "mocker", "contexts.json"), "{");
  assert.match((await run("ps")).stderr, /contexts\.json is damaged\nhint: /);
});

test("-H counts before --context, the variables, and what context use has chosen", async () => {
  const XDG_CONFIG_HOME = tmpDir();
  for (const name of ["used", "named"])
    await runOffline(["context", "create", name, "--docker", `host=ssh://${name}`], { XDG_CONFIG_HOME });
  await runOffline(["context", "use", "used"], { XDG_CONFIG_HOME });
  const env = { XDG_CONFIG_HOME, MOCKER_CONTEXT: "named" };
  assert.deepEqual(endpointOf({ XDG_CONFIG_HOME }), { kind: "ssh", url: "ssh://used", host: "used" });
  assert.deepEqual(endpointOf(env), { kind: "ssh", url: "ssh://named", host: "named" });
  assert.equal(contextName({ ...env, MOCKER_HOST: "ssh://x" }), "default");
  assert.deepEqual(endpointOf({ ...env, MOCKER_CONTEXT: "default" }), { kind: "own" });
  const show = async (...flags: string[]): Promise<string> =>
    (await runOffline([...flags, "context", "show"], { ...env, MOCKER_HOST: "ssh://x" })).stdout;
  assert.equal(await show("--context", "used"), "used\n");
  assert.equal(await show("-H", "ssh://y"), "default\n");
  assert.equal(await show(), "default\n");
  const both = await runOffline(["-H", "ssh://y", "-c", "used", "ps"]);
  assert.match(both.stderr, /^conflicting options: cannot specify both --host and --context\n/);
  const other = await runOffline(["--config", tmpDir(), "context", "ls", "-q"], { XDG_CONFIG_HOME });
  assert.equal(other.stdout, "default\n");
});

test("unix:// names another engine, which is not started", async (t) => {
  const [own, other] = [await Setup.create(), await Setup.create()];
  t.after(() => Promise.all([own.close(), other.close()]));
  other.engine.handle(vmList, () => [vmSummary({ name: "there" })]);
  const host = `unix://${join(other.dir, "engine.sock")}`;
  assert.match((await own.run(["-H", host, "ps"])).stdout, / there\n$/);
  assert.match((await own.run(["-H", host, "__complete", "zsh", "x"])).stderr, /unknown/);
  assert.match((await own.run(["__complete", "zsh", "-H", host, "rm", ""])).stdout, /^there\t/m);
  const nobody = await own.run(["-H", `unix://${own.dir}/other.sock`, "ps"]);
  assert.match(
    nobody.stderr,
    /^mocker: cannot connect to the mocker engine at unix:.*: no engine listens there\n/,
  );
  assert.equal(own.engine.connections, 0);
});
