/** `docker compose`, as it is, at Mocker's socket. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { dockerArchive } from "../fixtures/docker/docker-archive.ts";
import { composeConfig } from "../fixtures/docker/docker-compose.ts";
import { runTool } from "../support/host.ts";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";

const project = `
services:
  web:
    image: box
    command: httpd -f -p 80 -h /www
    init: true
    environment:
      GREETING: hello
    ports: ["127.0.0.1::80"]
    volumes: ["pages:/www"]
    networks:
      front: { aliases: [site] }
      back: {}
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"]
      interval: 500ms
      retries: 20
    depends_on:
      pages: { condition: service_completed_successfully }
  pages:
    image: box
    command: ["sh", "-c", "echo from compose > /www/index.html"]
    volumes: ["pages:/www"]
  client:
    image: box
    command: ["sh", "-c", "wget -q -O - http://site/ && echo seen && exec sleep 1000"]
    networks: [front]
    stop_grace_period: 0s
    depends_on:
      web: { condition: service_healthy }
  worker:
    image: box
    command: ["sh", "-c", "echo work; exec sleep 1000"]
    stop_grace_period: 0s
    networks: [back]
    restart: on-failure
  debug:
    image: box
    command: echo only on demand
    profiles: [debug]
volumes:
  pages: {}
networks:
  front: {}
  back: { internal: true, labels: { tier: back } }
`;

describe("docker compose", () => {
  const mocker = new Mocker();
  const directory = join(mocker.dir, "demo");
  const config = join(mocker.dir, "docker");

  async function compose(...args: string[]): Promise<string> {
    const env = mocker.environment({
      DOCKER_HOST: `unix://${join(mocker.runDir, "docker.sock")}`,
      DOCKER_CONFIG: config,
    });
    return await runTool("docker", ["compose", "--progress", "plain", ...args], { cwd: directory, env });
  }

  before(async () => {
    await composeConfig(config);
    const archive = await dockerArchive(mocker.dir, "box");
    await mocker.ok(["load", "-q", "-i", archive]);
    mkdirSync(directory);
    writeFileSync(join(directory, "compose.yaml"), project);
  });
  after(async () => {
    await mocker.close();
  });

  test("brings a project up in the order of its dependencies, each service a VM", async () => {
    await compose("up", "-d", "--wait", "web", "client", "worker");
    const states = await compose("ps", "-a", "--format", "{{.Service}} {{.State}} {{.Health}}");
    assert.deepEqual(states.split("\n").sort(), [
      "",
      "client running ",
      "pages exited ",
      "web running healthy",
      "worker running ",
    ]);
    await retry(async () => (await compose("logs", "--no-log-prefix", "client")) === "from compose\nseen\n", {
      what: "the client's output",
    });
  });

  test("a second up changes nothing, and a changed service is made anew", async () => {
    const ids = async (): Promise<string> => await compose("ps", "-q");
    const first = await ids();
    await compose("up", "-d", "web", "client", "worker");
    assert.equal(await ids(), first);
    writeFileSync(join(directory, "compose.yaml"), project.replace("echo work;", "echo other work;"));
    await compose("up", "-d", "web", "client", "worker");
    const later = await ids();
    const kept = first.split("\n").filter((id) => later.includes(id));
    assert.equal(kept.filter((id) => id !== "").length, 2);
  });

  test("its port answers, its services run commands, and files go in and out", async () => {
    const address = (await compose("port", "web", "80")).trim();
    assert.match(address, /^127\.0\.0\.1:\d+$/);
    assert.equal(await (await fetch(`http://${address}/`)).text(), "from compose\n");
    assert.equal(await compose("exec", "-T", "web", "sh", "-c", "echo $GREETING"), "hello\n");
    writeFileSync(join(directory, "new.html"), "copied\n");
    await compose("cp", "new.html", "web:/www/new.html");
    assert.equal(await (await fetch(`http://${address}/new.html`)).text(), "copied\n");
    await compose("cp", "web:/www/index.html", "out.html");
    assert.match(await compose("top", "web"), /httpd/);
    assert.match(await compose("images"), /box/);
    assert.equal(await compose("run", "--rm", "-T", "debug"), "only on demand\n");
  });

  test("a service is scaled up and down, stopped, started and restarted", async () => {
    const workers = async (): Promise<number> =>
      (await compose("ps", "-q", "worker")).split("\n").filter((id) => id !== "").length;
    await compose("up", "-d", "--scale", "worker=3", "--no-recreate", "worker");
    assert.equal(await workers(), 3);
    await compose("up", "-d", "--scale", "worker=1", "--no-recreate", "worker");
    assert.equal(await workers(), 1);
    await compose("stop", "worker");
    assert.equal(await compose("ps", "--format", "{{.Service}}", "worker"), "");
    await compose("start", "worker");
    await compose("restart", "-t", "0", "worker");
    await compose("pause", "worker");
    assert.match(await compose("ps", "--format", "{{.State}}", "worker"), /^paused$/m);
    await compose("unpause", "worker");
    await compose("kill", "worker");
  });

  test("goes down with its networks, and with its volumes where that is asked for", async () => {
    await compose("down", "-t", "0");
    assert.equal(await mocker.ok(["ps", "-aq"]), "");
    assert.match(await mocker.ok(["volume", "ls", "-q"]), /demo_pages/);
    assert.doesNotMatch(await mocker.ok(["network", "ls"]), /demo_/);
    await compose("down", "-v");
    assert.equal(await mocker.ok(["volume", "ls", "-q"]), "");
  });
});
