import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { addArchiveRoutes } from "../../../../../../engine/daemon/api/docker/routes/archive-routes.ts";
import { Copies } from "../../../../../../engine/daemon/system/copies.ts";
import { GuestFiles } from "../../../../../../engine/daemon/vms/guest-files/guest-files.ts";
import { makeTar } from "../../../../../fixtures/made-image.ts";
import { FakeFileAgent, type TaskAnswer } from "../../../vms/machine/fake-file-agent.ts";
import { type DockerClient, serveRoutes } from "../serve-routes.ts";

const directory = { out: `${0o040755} 4096 0 0\0` };
const file = { out: `${0o100644} 5 1700000000 1\0` };
const missing = { code: 2 };

/** A client of an engine with one VM, whose agent answers so. */
async function serve(
  answers: Record<string, TaskAnswer>,
): Promise<{ client: DockerClient; agent: FakeFileAgent; published: string[] }> {
  const agent = await FakeFileAgent.start(answers);
  const published: string[] = [];
  const never = (): Promise<never> => Promise.reject(new Error("not asked for here"));
  const files = new GuestFiles(agent);
  const vms = {
    copy: never,
    useFiles: <T>(_: object, use: (files: GuestFiles, config: { id: string; user: string }) => Promise<T>) =>
      use(files, { id: "1", user: "app" }),
    publish: (_: string, action: string) => published.push(action),
  };
  const copies = new Copies(vms, { archive: never });
  return { client: await serveRoutes((router) => addArchiveRoutes(router, { copies })), agent, published };
}

test("what a path leads to is told before its archive, and alone", async () => {
  const { client, published } = await serve({
    "stat /a": file,
    "copy /a a ": { out: "archive" },
    "stat /no": missing,
    export: { out: "root" },
  });
  for (const [method, body] of [
    ["HEAD", ""],
    ["GET", "archive"],
  ] as const) {
    const message = await client.open(method, "/containers/web/archive?path=/a");
    const stat = String(message.headers["x-docker-container-path-stat"]);
    assert.deepEqual(JSON.parse(Buffer.from(stat, "base64").toString()), {
      name: "a",
      size: 5,
      mode: 0o644,
      mtime: "2023-11-14T22:13:20.000000001Z",
      linkTarget: "",
    });
    assert.equal((await message.toArray()).join(""), body);
  }
  assert.deepEqual(await client.ask("GET", "/containers/web/archive?path=/no"), {
    status: 404,
    text: '{"message":"Could not find the file /no in container web"}\n',
  });
  assert.equal((await client.ask("HEAD", "/containers/web/archive?path=/no")).status, 404);
  assert.equal((await client.ask("GET", "/containers/web/archive")).status, 400);
  assert.deepEqual(await client.ask("GET", "/containers/web/export"), { status: 200, text: "root" });
  assert.deepEqual(published, ["archive-path", "export"]);
});

test("an archive that breaks off breaks its connection", async () => {
  const { client } = await serve({
    "stat /a": file,
    "copy /a a ": { out: "half", err: "cannot read", code: 1 },
  });
  await assert.rejects(client.ask("GET", "/containers/web/archive?path=/a"), { code: "ECONNRESET" });
});

test("an archive is put into a directory, compressed or not, and nowhere else", async () => {
  const { client, agent } = await serve({
    "stat /d": directory,
    "stat /l": { out: `${0o120777} 1 0 0\0/d` },
    "stat /a": file,
    "stat /no": missing,
    "extract /d ": {},
    "extract /d keep-kinds": { err: 'cannot overwrite directory "/d/a" with non-directory "/d"', code: 1 },
  });
  const put = async (query: string, body: Buffer): Promise<[number, string]> => {
    const { status, text } = await client.ask("PUT", `/containers/web/archive?${query}`, { body });
    return [status, text];
  };
  const archive = await makeTar([{ name: "a", content: "hello" }]);
  for (const [path, body] of [
    ["/d", archive],
    ["/l", gzipSync(archive)],
  ] as const) {
    assert.deepEqual(await put(`path=${path}&noOverwriteDirNonDir=&copyUIDGID=`, body), [200, ""]);
    assert.match(agent.input, /hello/);
  }
  assert.deepEqual(await put("path=/a", archive), [
    400,
    '{"message":"extraction point is not a directory"}\n',
  ]);
  assert.equal((await put("path=/no", archive))[0], 404);
  const [status, text] = await put("path=/d&noOverwriteDirNonDir=true", archive);
  assert.deepEqual([status, /cannot overwrite directory/.test(text)], [400, true]);
});

test("what is copied to a user's VM can belong to that user, by the VM's own list", async () => {
  const passwd = await makeTar([{ name: "list", content: "root:x:0:0::/:\napp:x:1000:1001::/:\n" }]);
  const { client, agent } = await serve({
    "stat /d": directory,
    "copy /etc/passwd list follow": { out: passwd.toString("latin1") },
    "extract /d ": {},
  });
  const body = await makeTar([{ name: "a", content: "hello", uid: 5, gid: 6 }]);
  const ids: number[][] = [];
  for (const query of ["path=/d", "path=/d&copyUIDGID=true"]) {
    assert.equal((await client.ask("PUT", `/containers/web/archive?${query}`, { body })).status, 200);
    ids.push([108, 116].map((at) => Number.parseInt(agent.input.slice(at, at + 8), 8)));
  }
  assert.deepEqual(ids, [
    [5, 6],
    [1000, 1001],
  ]);
});
