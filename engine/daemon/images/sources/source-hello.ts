import { readFile } from "node:fs/promises";
import { arch } from "node:os";
import { plainTarHeader, tarEnd, tarPadding } from "../../../common/tar/tar-writer.ts";
import { type Digest, digestOf } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { memoryBlobs } from "../oci/blob-source.ts";
import { mediaTypes } from "../oci/manifest.ts";
import { normalize } from "../oci/platform.ts";
import type { ImageSource } from "./image-source.ts";

/** The image that is always there: it needs no network. */
export const helloTag = "docker.io/library/hello:latest";

/** The built-in image: the bundled static program as /hello, and what a program expects around it. */
export async function helloSource(programPath: string): Promise<ImageSource> {
  const program = await readFile(programPath).catch((error: unknown) => {
    throw new MockerError("INTERNAL", `the program of the built-in image hello is missing: ${programPath}`, {
      hint: "Install Mocker again, or build its native parts.",
      cause: error,
    });
  });
  const layer = makeTar([
    { name: "hello", mode: 0o755, contents: program },
    { name: "etc/", mode: 0o755 },
    {
      name: "etc/passwd",
      mode: 0o644,
      contents: Buffer.from("root:x:0:0:root:/root:/hello\nnobody:x:65534:65534:nobody:/:/hello\n"),
    },
    { name: "etc/group", mode: 0o644, contents: Buffer.from("root:x:0:\nnobody:x:65534:\n") },
    { name: "root/", mode: 0o700 },
    { name: "tmp/", mode: 0o1777 },
  ]);
  const { architecture, variant } = normalize({ os: "linux", architecture: arch(), variant: "" });
  const config = Buffer.from(
    JSON.stringify({
      created: "1970-01-01T00:00:00Z",
      architecture,
      ...(variant === "" ? {} : { variant }),
      os: "linux",
      config: {
        Cmd: ["/hello"],
        Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/"],
        WorkingDir: "/",
        Labels: {
          "org.opencontainers.image.title": "hello",
          "org.opencontainers.image.description": "Mocker's built-in greeting",
          "io.mocker.tell-runtime": "true",
        },
      },
      rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
      history: [{ created: "1970-01-01T00:00:00Z", created_by: "mocker (built in)" }],
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
      layers: [{ mediaType: mediaTypes.ociLayer, digest: digestOf(layer), size: layer.length }],
    }),
  );
  return {
    name: "hello",
    top: { bytes: manifest, contentType: mediaTypes.ociManifest, digest: digestOf(manifest) },
    manifest: () => Promise.reject(new Error("the built-in image has one manifest")),
    blobs: memoryBlobs(
      new Map<Digest, Buffer>([
        [digestOf(layer), layer],
        [digestOf(config), config],
      ]),
    ),
    tags: [helloTag],
    repository: undefined,
  };
}

function makeTar(entries: { name: string; mode: number; contents?: Buffer }[]): Buffer {
  const members = entries.flatMap(({ name, mode, contents = Buffer.alloc(0) }) => [
    plainTarHeader(name, mode, contents.length),
    contents,
    Buffer.alloc(tarPadding(contents.length)),
  ]);
  return Buffer.concat([...members, tarEnd]);
}
