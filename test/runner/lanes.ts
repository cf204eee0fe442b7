import { availableParallelism, totalmem } from "node:os";
import { type Suite, suites } from "./arguments.ts";

/** The lab takes up to 6 GiB, an editor and its browser one, the tests of huge images a few. */
const neededBytes = 12 * 2 ** 30;

/** Suites in the order in which each lane runs them. */
const lanes: Suite[][] = [["lab"], ["extension"], ["check", "unit", "native", "engine"]];

/**
 * How to spread the chosen suites: lanes run side by side, the suites of a lane one after the other. The lab
 * has one CPU and the editor's tests mostly wait, so that they fill what the other suites leave free.
 */
export function lanesOf(
  chosen: Suite[],
  machine = { cpus: availableParallelism(), bytes: totalmem(), wanted: process.env.MOCKER_TEST_LANES },
): Suite[][] {
  const sideBySide = machine.cpus >= 2 && machine.bytes >= neededBytes && machine.wanted !== "1";
  return (sideBySide ? lanes : [[...suites]])
    .map((lane) => lane.filter((suite) => chosen.includes(suite)))
    .filter((lane) => lane.length > 0);
}
