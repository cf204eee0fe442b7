import { arch } from "node:os";
import { MockerError } from "../../../protocol/errors.ts";

/** image-spec image-index.md, `platform`. */
export interface Platform {
  os: string;
  architecture: string;
  variant: string;
}

const architectures: Record<string, [architecture: string, variant: string]> = {
  x64: ["amd64", ""],
  x86_64: ["amd64", ""],
  "x86-64": ["amd64", ""],
  ia32: ["386", ""],
  i386: ["386", ""],
  i686: ["386", ""],
  aarch64: ["arm64", ""],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
  riscv64: ["riscv64", ""],
};

/** This machine's platform, as a microVM on it has it. */
export function hostPlatform(): Platform {
  return normalize({ os: "linux", architecture: arch(), variant: "" });
}

/** As containerd's platforms.Normalize: one spelling of an architecture and its default variant. */
export function normalize(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  let architecture = platform.architecture.toLowerCase();
  let variant = platform.variant.toLowerCase();
  const known = architectures[architecture];
  if (known) {
    architecture = known[0];
    variant = variant === "" ? known[1] : variant;
  }
  if (/^[0-9]/.test(variant)) variant = `v${variant}`;
  if (architecture === "arm64" && variant === "v8") variant = "";
  if (architecture === "arm" && variant === "") variant = "v7";
  if (architecture === "amd64" && variant === "v1") variant = "";
  return { os, architecture, variant };
}

/** `os/arch[/variant]`, `arch` or `os`. Throws INVALID_ARGUMENT. */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part)))
    throw new MockerError("INVALID_ARGUMENT", `invalid platform "${text}"`, {
      hint: "A platform is os/architecture[/variant], for example linux/arm64/v8.",
    });
  const [first = "", second, variant = ""] = parts;
  if (second !== undefined) return normalize({ os: first, architecture: second, variant });
  return first.toLowerCase() === "linux"
    ? hostPlatform()
    : normalize({ os: "linux", architecture: first, variant: "" });
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant === "" ? "" : `/${variant}`}`;
}

/**
 * How well an image for `offered` runs on `wanted`: 0 for not at all, else the more the better. ARM
 * processors run the code of older variants, x86-64 ones that of lower levels.
 */
export function match(wanted: Platform, offered: Platform): number {
  const w = normalize(wanted);
  const o = normalize(offered);
  if (w.os !== o.os) return 0;
  if (w.architecture !== o.architecture) return 0;
  if (w.variant === o.variant) return 100;
  const level = (variant: string): number =>
    Number(/^v([0-9]+)/.exec(variant)?.[1] ?? (w.architecture === "arm64" ? 8 : 1));
  return level(o.variant) < level(w.variant) ? 50 + level(o.variant) : 0;
}

/**
 * The one of the stored `candidates` for `reference` that fits a platform (`os/arch[/variant]`) best. @throws
 * NO_MATCHING_PLATFORM in Docker's words
 */
export function fitting<T>(
  candidates: readonly { platform: Platform; value: T }[],
  platform: string,
  reference: string,
): T {
  const wanted = parsePlatform(platform);
  const ranked = candidates.map((candidate) => ({ ...candidate, rank: match(wanted, candidate.platform) }));
  const [best] = ranked.sort((a, b) => b.rank - a.rank);
  if (best !== undefined && best.rank > 0) return best.value;
  const here = [...new Set(candidates.map((candidate) => formatPlatform(candidate.platform)))];
  throw new MockerError(
    "NO_MATCHING_PLATFORM",
    `image with reference ${reference} was found but does not provide the specified platform (${formatPlatform(wanted)})`,
    { hint: `It is here for ${here.join(", ")}; pull the other one first, with --platform.` },
  );
}
