import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { kvmStatus } from "../../native/index.ts";
import { startRegistry } from "../fixtures/registry.ts";
import { inLab } from "../support/paths.ts";
import { retry } from "../support/retry.ts";

const ext4Magic = 0xef53;

test("KVM of this machine is one that boots ordinary guest kernels", () => {
  assert.deepEqual(kvmStatus(), { usable: true });
});

test("the temporary directory is a disk with user xattrs", { skip: inLab ? false : "not in the lab" }, () => {
  assert.equal(statfsSync(tmpdir()).type, ext4Magic);
  const directory = mkdtempSync(join(tmpdir(), "xattr-"));
  try {
    const file = join(directory, "file");
    writeFileSync(file, "content");
    const script = "import os,sys; os.setxattr(sys.argv[1], 'user.mocker', b'value')";
    execFileSync("python3", ["-c", script, file]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("processes left behind are reaped", { skip: inLab ? false : "not in the lab" }, async () => {
  const command = "setsid sleep 0.1 >/dev/null & echo $!";
  const pid = execFileSync("sh", ["-c", command], { encoding: "utf8" }).trim();
  await retry(() => !existsSync(`/proc/${pid}`), { what: `the end of process ${pid}` });
});

test("the fixture registry serves its images over loopback", async () => {
  assert.ok(networkInterfaces().lo?.some(({ address }) => address === "127.0.0.1"));
  const registry = await startRegistry();
  try {
    const reply = await fetch(`http://${registry.host}/v2/busybox/manifests/latest`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    assert.equal(reply.status, 200);
    const manifest = (await reply.json()) as { layers: { digest: string; size: number }[] };
    const layer = manifest.layers[0];
    assert.ok(layer);
    const blob = await fetch(`http://${registry.host}/v2/busybox/blobs/${layer.digest}`);
    assert.equal((await blob.arrayBuffer()).byteLength, layer.size);
  } finally {
    await registry.stop();
  }
});
