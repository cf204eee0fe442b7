import { availableParallelism, totalmem } from "node:os";
import { type Suite, suites } from "./arguments.ts";

/** The lab takes up to 6 GiB, an editor and its browser one, the tests of huge images a few. */
const neededBytes = 12 * 2 ** 30;

/** Longest first, so that the lanes end at about the same time; the check is short, and tells most. */
const longestFirst: Suite[] = ["lab", "extension", "check", "unit", "native", "engine"];

/** How the chosen suites are run: each lane takes the next one when it has ended its last. */
export interface Lanes {
  count: number;
  order: Suite[];
}

/**
 * Three lanes where the machine is large enough: the lab has one CPU and the editor's tests often wait; the
 * other suites, in the background, take what these leave free.
 */
export function lanesOf(
  chosen: Suite[],
  machine = { cpus: availableParallelism(), bytes: totalmem(), wanted: process.env.MOCKER_TEST_LANES },
): Lanes {
  const sideBySide = machine.cpus >= 2 && machine.bytes >= neededBytes && machine.wanted !== "1";
  const order = (sideBySide ? longestFirst : [...suites]).filter((suite) => chosen.includes(suite));
  return { count: Math.min(sideBySide ? 3 : 1, order.length), order };
}
