import { createHash, type Hash } from "node:crypto";
import { MockerError } from "../protocol/errors.ts";

const hexLengths: Record<string, number> = { sha256: 64, sha512: 128 };

/** An OCI content digest, e.g. `sha256:<64 hex>` (image-spec descriptor.md). */
export type Digest = string;

/** True for a well-formed digest of an algorithm that Mocker verifies (sha256, sha512). */
export function isDigest(text: unknown): text is Digest {
  if (typeof text !== "string") return false;
  const colon = text.indexOf(":");
  const length = hexLengths[text.slice(0, colon)];
  return (
    length !== undefined && text.length === colon + 1 + length && /^[0-9a-f]+$/.test(text.slice(colon + 1))
  );
}

/**
 * Splits a digest; throws IMAGE_INVALID naming `what` if it is malformed, so that it is safe as a file name.
 */
export function splitDigest(digest: unknown, what = "digest"): { algorithm: string; hex: string } {
  if (!isDigest(digest))
    throw new MockerError("IMAGE_INVALID", `invalid ${what} ${JSON.stringify(digest)}`, {
      hint: "Digests are sha256 or sha512, in lower-case hexadecimal.",
    });
  const colon = digest.indexOf(":");
  return { algorithm: digest.slice(0, colon), hex: digest.slice(colon + 1) };
}

export function hasherFor(digest: Digest): Hash {
  return createHash(splitDigest(digest).algorithm);
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Throws DIGEST_MISMATCH unless `bytes` hash to `digest`. */
export function verifyDigest(bytes: Uint8Array, digest: Digest, what: string): void {
  const { algorithm } = splitDigest(digest);
  const actual = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
  if (actual !== digest) throw digestMismatch(what, digest, actual);
}

export function digestMismatch(what: string, expected: Digest, actual: Digest): MockerError {
  return new MockerError("DIGEST_MISMATCH", `${what}: expected digest ${expected}, got ${actual}`, {
    hint: "The source sent other bytes than the image names. Pull again; if it goes on, the source is damaged or tampered with.",
    details: { expected, actual },
  });
}

/** The 12 hexadecimal digits that people read. */
export function shortDigest(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1).slice(0, 12);
}

/** Chain IDs of the first 1, 2, … layers (image-spec config.md, "Layer ChainID"). */
export function chainId(diffIds: readonly Digest[]): Digest {
  let chain = "";
  for (const diffId of diffIds) chain = chain === "" ? diffId : digestOf(Buffer.from(`${chain} ${diffId}`));
  return chain === "" ? digestOf(Buffer.alloc(0)) : chain;
}
