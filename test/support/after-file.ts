import { after } from "node:test";

/**
 * Benchmarks use the same helpers without node:test, which would report an empty run if it were given a hook.
 */
const underTest =
  process.env.NODE_TEST_CONTEXT !== undefined || process.execArgv.some((arg) => arg.startsWith("--test"));

/**
 * Runs `work` after the test file. To be called when a module is loaded: the hook then belongs to the file
 * that imports it.
 */
export function afterFile(work: () => void | Promise<void>): void {
  if (underTest) after(work);
}
