import { join } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../../package.json" with { type: "json" };
import { dataDir } from "../common/paths.ts";
import { exitAlreadyRunning, exitOtherSocket } from "../protocol/engine.ts";
import { Engine } from "./engine.ts";
import { Log, type LogLevel, logLevels } from "./log.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { "log-level": { type: "string" } } });
  const level = values["log-level"] ?? process.env.MOCKER_LOG_LEVEL ?? "info";
  if (!logLevels.includes(level as LogLevel)) {
    throw new Error(`invalid log level "${level}": use one of ${logLevels.join(", ")}`);
  }
  process.umask(0o077);
  const log = new Log(join(dataDir(), "engine.jsonl"), level as LogLevel);
  process.on("uncaughtException", (error) => log.error("uncaught", error));
  process.on("unhandledRejection", (error) => log.error("unhandled", error));
  const engine = new Engine({ version: packageJson.version, log, exit: () => process.exit(0) });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => engine.stop(signal));
  // The terminal of the client that started us may close.
  process.on("SIGHUP", () => undefined);
  const result = await engine.start();
  if (result !== "started") {
    process.stderr.write(`mocker engine: another engine uses ${dataDir()}\n`);
    process.exit(result === "elsewhere" ? exitOtherSocket : exitAlreadyRunning);
  }
}

main().catch((error) => {
  process.stderr.write(`mocker engine: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
