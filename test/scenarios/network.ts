import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createListener } from "node:net";
import { after, before, test } from "node:test";
import type { Suite } from "./suite.ts";

export function networkScenarios(get: () => Suite): void {
  const server = createServer((_, response) => response.end("from the host\n"));
  before(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  after(() => server.close());
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  test("a guest reaches a server on the host's loopback", async () => {
    const { mocker, images } = get();
    const run = await mocker.run(["run", "--rm", images.busybox, "wget", "-q", "-O", "-", url()]);
    assert.equal(run.stdout.toString(), "from the host\n", run.stderr);
  });

  test("what a guest listens on is reached inside, and on the host only where the network is the host's", async () => {
    const { runtime, mocker, images } = get();
    const port = await freePort();
    await mocker.ok(["run", "-d", "--name", "listener", images.busybox, ...serving(String(port), "inside")]);
    assert.equal(await ask(get(), "listener", port), "inside\n");
    // A simulated VM without `--network none` is in the host's own network namespace.
    assert.equal(await askHost(port), runtime === "simulation" ? "inside\n" : "refused");
    await mocker.ok(["rm", "-f", "listener"]);
  });

  test("two VMs that listen on one port each reach their own", async () => {
    const { runtime, mocker, images } = get();
    // All simulated VMs on the host's network have its ports in common.
    const network = runtime === "simulation" ? ["--network", "none"] : [];
    const port = await freePort();
    const names = ["one", "two"];
    for (const name of names) {
      const command = serving(`0.0.0.0:${port}`, name);
      await mocker.ok(["run", "-d", "--name", name, ...network, images.busybox, ...command]);
    }
    for (let round = 0; round < 3; ++round) {
      for (const name of names) assert.equal(await ask(get(), name, port), `${name}\n`);
    }
    assert.equal(await askHost(port), "refused");
    await mocker.ok(["rm", "-f", ...names]);
  });

  test("--network none reaches nothing", async () => {
    const { mocker, images } = get();
    const run = await mocker.run([
      "run",
      "--rm",
      "--network",
      "none",
      images.busybox,
      "wget",
      "-q",
      "-T",
      "3",
      "-O",
      "-",
      url(),
    ]);
    assert.notEqual(run.code, 0);
    assert.equal(run.stdout.toString(), "");
  });
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const listener = createListener();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

/**
 * A command that serves `words` at an address, `PORT` (all addresses, of IPv6 too where there is that) or
 * `IP:PORT`.
 */
function serving(address: string, words: string): string[] {
  return ["sh", "-c", `echo ${words} >/tmp/index.html; exec httpd -f -p ${address} -h /tmp`];
}

/** What a process inside the VM is answered on a port there; it waits until somebody listens. */
async function ask({ mocker }: Suite, name: string, port: number): Promise<string> {
  const wget = `wget -q -O - http://127.0.0.1:${port}/`;
  const script = `n=0; until ${wget}; do n=$((n+1)); [ $n -lt 100 ] || exit 1; sleep 0.1; done`;
  return await mocker.ok(["exec", name, "sh", "-c", script]);
}

/** What one is answered on a port of the host's loopback: `refused` if nobody listens. */
async function askHost(port: number): Promise<string> {
  try {
    return await (await fetch(`http://127.0.0.1:${port}/`)).text();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED") return "refused";
    throw error;
  }
}
