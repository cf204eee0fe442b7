import { homedir } from "node:os";
import { join } from "node:path";

/** The directory that holds `dist/`: the checkout, or a copy that an ordinary user can read. */
export function rootDir(): string {
  return process.env.MOCKER_TEST_ROOT ?? process.cwd();
}

/**
 * Where kernels, images and other things that are slow to make are kept between runs, outside the checkout.
 */
export function cacheDir(): string {
  const configured = process.env.MOCKER_CACHE_DIR;
  if (configured) return configured;
  const xdg = process.env.XDG_CACHE_HOME;
  return join(xdg?.startsWith("/") ? xdg : join(homedir(), ".cache"), "mocker-lab");
}

/** True inside the lab, where everything takes some 30 times longer. */
export const inLab = process.env.MOCKER_LAB === "1";

/** Stretches a time limit to the machine that the test runs on. */
export function stretched(milliseconds: number): number {
  return inLab ? milliseconds * 30 : milliseconds;
}
