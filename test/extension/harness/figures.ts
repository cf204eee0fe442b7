import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { screenshotFolder } from "./screenshots.ts";

/** Notes a measured value beside the screenshots. Nothing depends on it: timings are no tests. */
export function note(name: string, value: string): void {
  mkdirSync(screenshotFolder(), { recursive: true });
  appendFileSync(join(screenshotFolder(), "figures.txt"), `${name}: ${value}\n`);
}
