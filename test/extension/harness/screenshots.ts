import { join } from "node:path";
import { cacheDir } from "../../support/paths.ts";

/** Where screenshots go: outside the checkout. */
export function screenshotFolder(): string {
  return process.env.MOCKER_SCREENSHOTS ?? join(cacheDir(), "screenshots");
}
