/** A debugpy of this machine, which is shared with VMs whose image has none. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { MockerError } from "../../engine/protocol/index.ts";
import { l10n } from "../l10n.ts";
import { type PlanContext, resolvePath } from "../run-configurations/run-plan.ts";

/** Where it is in the VM. */
export const debugpyTarget = "/opt/mocker/debugpy";

/** Starts the image's own debugpy where there is one: it fits the image's Python. */
export const injectedAdapter: readonly string[] = [
  "python3",
  "-c",
  `import runpy, sys
try:
    import debugpy.adapter
except ImportError:
    sys.modules.pop("debugpy", None)
    sys.path.append("${debugpyTarget}")
runpy.run_module("debugpy.adapter", run_name="__main__", alter_sys=True)`,
];

/**
 * The directory on this machine that has the module: the one that a configuration names, or else `debugpy` of
 * the context, which is what the editor has. Throws MockerError if the named one has none.
 */
export function debugpyDirectory(
  named: string | undefined,
  context: { plan: PlanContext; debugpy?: string | undefined },
): string | undefined {
  if (named === undefined) return context.debugpy;
  const directory = resolvePath(named, context.plan);
  if (hasDebugpy(directory)) return directory;
  throw new MockerError("INVALID_ARGUMENT", l10n.t("There is no debugpy in {0}.", directory), {
    hint: l10n.t("Name the directory that pip install --target DIRECTORY debugpy was given"),
  });
}

/** Whether a directory has the module debugpy. */
export function hasDebugpy(directory: string): boolean {
  return existsSync(join(directory, "debugpy", "adapter", "__main__.py"));
}
