import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after } from "node:test";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { ImageStore, type ImageStoreOptions } from "../../../engine/daemon/images/image-store.ts";
import { mediaTypes } from "../../../engine/daemon/images/manifest.ts";
import type { Digest } from "../../../engine/docker/digest.ts";
import { type ErrorCode, MockerError } from "../../../engine/protocol/errors.ts";
import * as native from "../../../native/index.ts";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

process.env.MOCKER_LAYER_WORKER ??= join(rootDir(), "dist", "layer-worker.js");
process.env.MOCKER_STORE_WORKER ??= join(rootDir(), "dist", "store-worker.js");
process.env.MOCKER_NATIVE_DIR ??= join(rootDir(), "dist", "native");

export type Entry = Partial<Header> & { name: string; content?: Buffer | string };

/** A tar archive; tar-stream writes it, so that the reader under test is checked against other code. */
export async function makeTar(entries: Entry[]): Promise<Buffer> {
  const tar = pack();
  const whole = (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of tar) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks);
  })();
  for (const { content, ...header } of entries) {
    const full = { mtime: new Date("2024-01-02T03:04:05Z"), uid: 0, gid: 0, ...header };
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null): void => (error ? reject(error) : resolve());
      if (content === undefined) tar.entry(full, done);
      else tar.entry(full, Buffer.from(content), done);
    });
  }
  tar.finalize();
  return await whole;
}

export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export interface TestImage {
  blobs: Map<Digest, Buffer>;
  manifest: Buffer;
  manifestDigest: Digest;
  configDigest: Digest;
  layers: Digest[];
}

export interface ImageOptions {
  /** Compresses a layer; default gzip. */
  compress?: (tar: Buffer) => Buffer;
  mediaType?: string;
  config?: object;
  architecture?: string;
  os?: string;
  diffIds?: Digest[];
}

/** An image in memory, from the tars of its layers. */
export function makeImage(tars: Buffer[], options: ImageOptions = {}): TestImage {
  const compress = options.compress ?? gzipSync;
  const blobs = new Map<Digest, Buffer>();
  const put = (bytes: Buffer) => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  };
  const layers = tars.map((tar) => ({
    mediaType: options.mediaType ?? mediaTypes.ociLayerGzip,
    ...put(compress(tar)),
  }));
  const config = put(
    Buffer.from(
      JSON.stringify({
        architecture: options.architecture ?? (process.arch === "x64" ? "amd64" : process.arch),
        os: options.os ?? "linux",
        created: "2024-05-06T07:08:09Z",
        config: { Cmd: ["/bin/sh"], Env: ["A=1"], Labels: { color: "blue" }, ...options.config },
        rootfs: { type: "layers", diff_ids: options.diffIds ?? tars.map(sha256) },
      }),
    ),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, ...config },
      layers,
    }),
  );
  return {
    blobs,
    manifest,
    manifestDigest: sha256(manifest),
    configDigest: config.digest,
    layers: layers.map(({ digest }) => digest),
  };
}

export interface Seen {
  method: string;
  path: string;
  range: string | undefined;
  authorization: string | undefined;
}

/** Writes images as an OCI layout that other tools read; their names are the keys. */
export function writeLayout(dir: string, images: Record<string, TestImage>): string {
  mkdirSync(join(dir, "blobs", "sha256"), { recursive: true });
  const descriptors = Object.entries(images).map(([name, image]) => {
    for (const [digest, bytes] of [...image.blobs, [image.manifestDigest, image.manifest] as const])
      writeFileSync(join(dir, "blobs", digest.replace(":", "/")), bytes);
    return {
      mediaType: mediaTypes.ociManifest,
      digest: image.manifestDigest,
      size: image.manifest.length,
      annotations: { "org.opencontainers.image.ref.name": name },
    };
  });
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: descriptors }));
  return dir;
}

/** A registry that does as it is told: `behave` may answer a request itself (and then returns true). */
export class FakeRegistry {
  readonly seen: Seen[] = [];
  readonly blobs = new Map<Digest, Buffer>();
  /** `name:tag` or `name@digest` → document and its type. */
  readonly manifests = new Map<string, { bytes: Buffer; type: string | undefined }>();
  behave: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #server = createServer((request, response) => this.#answer(request, response));
  host = "";

  static async start(): Promise<FakeRegistry> {
    const registry = new FakeRegistry();
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    registry.host = `127.0.0.1:${(registry.#server.address() as AddressInfo).port}`;
    after(() => registry.stop());
    return registry;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Publishes an image; returns its reference. */
  add(
    name: string,
    tag: string,
    image: TestImage,
    type: string | undefined = mediaTypes.ociManifest,
  ): string {
    for (const [digest, bytes] of image.blobs) this.blobs.set(digest, bytes);
    const document = { bytes: image.manifest, type };
    this.manifests.set(`${name}:${tag}`, document);
    this.manifests.set(`${name}@${image.manifestDigest}`, document);
    return `${this.host}/${name}:${tag}`;
  }

  /** Requests for a blob so far. */
  fetches(digest: Digest): Seen[] {
    return this.seen.filter(({ path }) => path.endsWith(`/blobs/${digest}`));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    const { range, authorization } = request.headers;
    this.seen.push({ method: request.method ?? "", path, range, authorization });
    if (this.behave(request, response)) return;
    this.serve(request, response);
  }

  /** What an honest registry answers. */
  serve(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    if (path === "/v2/") {
      response.end("{}");
      return;
    }
    const manifest = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(path);
    if (manifest) {
      const [, name, reference = ""] = manifest;
      const found = this.manifests.get(`${name}${reference.includes(":") ? "@" : ":"}${reference}`);
      if (!found) {
        this.notFound(response, "MANIFEST_UNKNOWN", "manifest unknown");
        return;
      }
      if (found.type !== undefined) response.setHeader("content-type", found.type);
      response.end(found.bytes);
      return;
    }
    const blob = this.blobs.get(/\/blobs\/(.+)$/.exec(path)?.[1] ?? "");
    if (!blob) {
      this.notFound(response, "BLOB_UNKNOWN", "blob unknown to registry");
      return;
    }
    const from = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (from > 0) {
      response.statusCode = 206;
      response.setHeader("content-range", `bytes ${from}-${blob.length - 1}/${blob.length}`);
    }
    response.setHeader("content-length", blob.length - from);
    response.end(blob.subarray(from));
  }

  notFound(response: ServerResponse, code: string, message: string): void {
    response.statusCode = 404;
    response.end(JSON.stringify({ errors: [{ code, message }] }));
  }
}

/** Stores of this process by folder: one at a time has the lock. */
const open = new Map<string, ImageStore>();

/** A store in a new folder, or the one in `dir` as the next engine finds it: the earlier one is let go of. */
export async function makeStore(
  options: Partial<ImageStoreOptions> = {},
): Promise<{ store: ImageStore; dir: string }> {
  const dir = options.dir ?? join(tmpDir(), "images");
  const store = new ImageStore({
    native,
    helloPath: join(rootDir(), "dist", "native", "mocker-hello"),
    log: { info: () => {}, warn: () => {} },
    ...options,
    dir,
  });
  open.get(dir)?.close();
  await store.recover();
  open.set(dir, store);
  return { store, dir };
}

/** Relative paths of all files below `dir`. */
export function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

/** Fails unless every blob is what its name says, and nothing is left over from a pull. */
export function assertClean(dir: string, options: { partials?: boolean } = {}): void {
  for (const name of filesIn(join(dir, "blobs"))) {
    const [algorithm = "", hex] = name.split("/");
    const actual = createHash(algorithm)
      .update(readFileSync(join(dir, "blobs", name)))
      .digest("hex");
    if (actual !== hex) throw new Error(`the blob ${name} has other contents`);
  }
  const leftovers = filesIn(join(dir, "ingest")).filter(
    (name) => !(options.partials && name.endsWith(".partial")),
  );
  if (leftovers.length > 0) throw new Error(`left over: ${leftovers.join(", ")}`);
}

/** For `assert.rejects`: an error with this code and message, a hint that matches, and none of the tests' passwords in it. */
export function failsWith(code: ErrorCode, message: RegExp, hint = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof MockerError, String(error));
    assert.equal(error.code, code, error.stack);
    assert.match(error.message, message);
    assert.match(error.hint ?? "", hint);
    assert.doesNotMatch(`${error.message} ${error.hint}`, /secret|word ?123/);
    return true;
  };
}

/** The same for an error that needs no hint. */
export function fails(code: ErrorCode, message: RegExp): (error: unknown) => true {
  return failsWith(code, message, /^/);
}

/** An image of one layer with one small file. */
export async function oneFileImage(content: string, config: object = {}): Promise<TestImage> {
  return makeImage([await makeTar([{ name: "file", content }])], { config });
}

/** An image of two layers; the second does not compress and is large enough to be cut in the middle. */
export async function twoLayerImage(): Promise<TestImage> {
  return makeImage([
    await makeTar([{ name: "small", content: "small" }]),
    await makeTar([{ name: "large", content: randomBytes(600_000) }]),
  ]);
}

/** A store with images of the given names, from an OCI layout. */
export async function storeWith(
  images: Record<string, TestImage>,
): Promise<{ store: ImageStore; dir: string }> {
  const made = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), images);
  for (const name of Object.keys(images)) await made.store.pull({ reference: `oci:${layout}:${name}` });
  return made;
}

/** A digest without its algorithm: the name of a blob's file. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}
