import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { BlobError, BlobReader } from "../../native/index.ts";
import { tmpDir } from "../support/tmp-dir.ts";

const dir = tmpDir();
let files = 0;

const zstd = (bytes: Buffer, ...args: string[]): Buffer =>
  execFileSync("zstd", ["-q", "-c", ...args], { input: bytes, maxBuffer: 1 << 30 });

const digest = (bytes: Buffer, algorithm = "sha256"): string =>
  createHash(algorithm).update(bytes).digest("hex");

interface Read {
  tar: Buffer;
  blobDigest: string;
  tarDigest: string;
  complete: boolean;
  format: string;
}

interface ReadOptions {
  /** Size of the output buffer. */
  output?: number;
  /** How many more bytes of the file there are for each call. */
  step?: number;
  windowLog?: number;
  algorithm?: "sha256" | "sha512";
}

async function read(blob: Buffer, options: ReadOptions = {}): Promise<Read> {
  const { output = 64 * 1024, step = blob.length || 1, windowLog = 27, algorithm = "sha256" } = options;
  const path = join(dir, `${files++}`);
  writeFileSync(path, blob);
  const fd = openSync(path, "r");
  try {
    const reader = new BlobReader(fd, { blob: algorithm, tar: algorithm }, windowLog);
    const buffer = Buffer.alloc(output);
    const pieces: Buffer[] = [];
    for (let available = 0; ; available = Math.min(available + step, blob.length)) {
      const last = available === blob.length;
      let produced: number;
      do {
        produced = await reader.read(available, last, buffer);
        pieces.push(Buffer.from(buffer.subarray(0, produced)));
      } while (produced > 0 || reader.position < available);
      if (last) return { tar: Buffer.concat(pieces), ...reader.finish(), format: reader.format };
    }
  } finally {
    closeSync(fd);
  }
}

const noise = randomBytes(300_000);
const contents: [string, Buffer][] = [
  ["nothing", Buffer.alloc(0)],
  ["a byte", Buffer.from("x")],
  ["exactly an output buffer", Buffer.alloc(64 * 1024, "abc")],
  ["text and noise", Buffer.concat([Buffer.alloc(1_000_000, "text "), noise])],
];

for (const [what, tar] of contents)
  test(`${what}: plain, gzip and zstd give the same bytes and the digests of both sides`, async () => {
    const half = tar.length >> 1;
    const forms: [string, Buffer][] = [
      ["plain", tar],
      ["gzip", gzipSync(tar)],
      ["gzip", Buffer.concat([gzipSync(tar.subarray(0, half)), gzipSync(tar.subarray(half))])],
      ["gzip", Buffer.concat([gzipSync(tar), Buffer.alloc(5000), gzipSync(Buffer.from("garbage"))])],
      ["zstd", zstd(tar)],
      ["zstd", Buffer.concat([zstd(tar.subarray(0, half), "-19"), zstd(tar.subarray(half), "--no-check")])],
    ];
    for (const [format, blob] of forms)
      for (const options of [{}, { output: 1000 }, { step: 777 }, { algorithm: "sha512" }] as ReadOptions[]) {
        const result = await read(blob, options);
        assert.ok(result.tar.equals(tar));
        assert.equal(result.blobDigest, digest(blob, options.algorithm));
        assert.equal(result.tarDigest, digest(tar, options.algorithm));
        assert.equal(result.complete, true);
        if (blob.length >= 4) assert.equal(result.format, format);
      }
  });

test("a blob that comes byte by byte is read as one that is there", async () => {
  const tar = Buffer.from("some text ".repeat(20));
  for (const blob of [tar, gzipSync(tar), zstd(tar), Buffer.concat([gzipSync(tar), gzipSync(tar)])]) {
    const { tar: slow, complete } = await read(blob, { step: 1, output: 7 });
    const { tar: quick } = await read(blob);
    assert.ok(slow.equals(quick));
    assert.equal(complete, true);
  }
});

test("data that ends in the middle is not complete", async () => {
  const tar = Buffer.alloc(100_000, "text");
  for (const blob of [gzipSync(tar), zstd(tar)]) {
    assert.equal((await read(blob.subarray(0, blob.length - 1))).complete, false);
    assert.equal((await read(Buffer.concat([blob, blob.subarray(0, 12)]))).complete, false);
  }
});

test("damaged data is refused, and the rest is hashed all the same", async () => {
  const tar = Buffer.concat([Buffer.alloc(100_000, "text"), noise]);
  const path = join(dir, "damaged");
  for (const good of [gzipSync(tar), zstd(tar)]) {
    const blob = Buffer.from(good);
    blob.fill(0xa5, 10, 200);
    writeFileSync(path, blob);
    const fd = openSync(path, "r");
    const reader = new BlobReader(fd, { blob: "sha256", tar: "sha256" }, 27);
    const output = Buffer.alloc(1 << 20);
    await assert.rejects(
      reader.read(blob.length, true, output),
      (error) => error instanceof BlobError && error.fault === "damaged",
    );
    assert.equal(await reader.read(blob.length, true, output), 0);
    assert.equal(reader.finish().blobDigest, digest(blob));
    closeSync(fd);
  }
});

test("a window larger than allowed is refused before it is allocated", async () => {
  const blob = zstd(Buffer.alloc(4 << 20, "text"), "--long=21");
  assert.equal((await read(blob, { windowLog: 22 })).tar.length, 4 << 20);
  await assert.rejects(
    read(Buffer.from("28b52ffd00a0010000", "hex")),
    (error) => error instanceof BlobError && error.fault === "window-too-large",
  );
});

test("a blob is read by one call at a time, and what is none is refused", async () => {
  const path = join(dir, "one");
  writeFileSync(path, gzipSync(noise));
  const fd = openSync(path, "r");
  const reader = new BlobReader(fd, { blob: "sha256", tar: "sha256" }, 27);
  const first = reader.read(100_000, false, Buffer.alloc(1 << 20));
  await assert.rejects(reader.read(100_000, false, Buffer.alloc(1 << 20)), /being read/);
  assert.throws(() => reader.finish(), /being read/);
  await first;
  await assert.rejects(reader.read(1 << 30, true, Buffer.alloc(1 << 20)), (error) => {
    assert.ok(error instanceof BlobError);
    return error.fault === "unreadable";
  });
  closeSync(fd);
});

test("whatever is done to compressed data, it is read or refused", async () => {
  const tar = Buffer.concat([Buffer.alloc(3000, "text"), noise.subarray(0, 2000)]);
  // The same every time.
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed % below;
  };
  for (const good of [gzipSync(tar), zstd(tar), Buffer.concat([gzipSync(tar), gzipSync(tar)])])
    for (let run = 0; run < 300; run++) {
      let blob = Buffer.from(good);
      for (let change = random(4); change >= 0; change--) {
        const at = random(blob.length);
        if (random(3) > 0) blob[at] = random(256);
        else blob = Buffer.concat([blob.subarray(0, at), blob.subarray(random(blob.length))]);
        if (blob.length === 0) blob = Buffer.from([0x1f]);
      }
      try {
        const result = await read(blob, { output: 1 + random(5000), step: 1 + random(3000) });
        assert.equal(result.blobDigest, digest(blob));
        assert.equal(result.tarDigest, digest(result.tar));
      } catch (error) {
        assert.ok(error instanceof BlobError, String(error));
        assert.notEqual(error.fault, "internal");
        assert.notEqual(error.fault, "unreadable");
      }
    }
});
