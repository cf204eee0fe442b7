export type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

/** Number of bytes that {@link compressionOf} looks at. */
export const magicBytes = 6;

/** How data is compressed, by its first bytes: the formats that Docker takes. */
export function compressionOf(head: Uint8Array): Compression {
  const hex = Buffer.from(head.subarray(0, magicBytes)).toString("hex");
  if (hex.startsWith("1f8b")) return "gzip";
  if (hex.startsWith("28b52ffd") || /^5.2a4d18/.test(hex)) return "zstd";
  if (hex.startsWith("425a68")) return "bzip2";
  return hex.startsWith("fd377a585a00") ? "xz" : "none";
}
