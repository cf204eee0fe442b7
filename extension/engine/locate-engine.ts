import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { MockerError } from "../../engine/protocol/index.ts";
import { l10n } from "../l10n.ts";

export interface EngineLocation {
  path: string;
  /** Who named the path. */
  source: "setting" | "environment" | "bundled";
}

/**
 * The engine to start: the setting `mocker.engine.path`, `MOCKER_ENGINE`, or the one beside this bundle.
 * Throws MockerError ENGINE_UNREACHABLE if it is not there.
 */
export function locateEngine(configured: string, env: NodeJS.ProcessEnv, bundleDir: string): EngineLocation {
  const location = choose(configured.trim(), env, bundleDir);
  if (isAbsolute(location.path) && existsSync(location.path)) return location;
  const message = isAbsolute(location.path)
    ? l10n.t("The engine {0} does not exist.", location.path)
    : l10n.t("The engine {0} is not an absolute path.", location.path);
  throw new MockerError("ENGINE_UNREACHABLE", message, {
    hint: hintOf(location.source),
    details: { source: location.source },
  });
}

function choose(configured: string, env: NodeJS.ProcessEnv, bundleDir: string): EngineLocation {
  if (configured !== "") {
    return { path: configured.replace(/^~(?=\/)/, homedir()), source: "setting" };
  }
  if (env.MOCKER_ENGINE) return { path: env.MOCKER_ENGINE, source: "environment" };
  return { path: join(bundleDir, "engine.js"), source: "bundled" };
}

function hintOf(source: EngineLocation["source"]): string {
  switch (source) {
    case "setting":
      return l10n.t("Correct the setting mocker.engine.path, or empty it to use the bundled engine.");
    case "environment":
      return l10n.t("Correct MOCKER_ENGINE in the environment of the editor, or unset it.");
    case "bundled":
      return l10n.t("Install the extension again.");
  }
}
