/** `--platform` of commands on images that are there: each is of one platform. */
import { type ImageSummary, MockerError } from "../protocol/index.ts";

/** Throws NO_MATCHING_PLATFORM in Docker's words unless the image is of the platform (`os[/arch[/variant]]`). */
export function requirePlatform(name: string, image: ImageSummary, platform: string): void {
  const [os, architecture = image.architecture, variant = image.variant] = platform.split("/");
  if (os === image.os && architecture === image.architecture && variant === image.variant) return;
  throw new MockerError(
    "NO_MATCHING_PLATFORM",
    `image with reference ${name} was found but does not provide the specified platform (${platform})`,
  );
}
