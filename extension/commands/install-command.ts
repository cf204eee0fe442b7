import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { l10n } from "../l10n.ts";

const mark = "# Installed by the Mocker extension.";

export interface InstalledCommand {
  path: string;
  /** Whether new shells find it. */
  onPath: boolean;
}

/** Where PATH of most shells looks and this user may write. */
export function commandFolder(): string {
  return process.getuid?.() === 0 ? "/usr/local/bin" : join(homedir(), ".local", "bin");
}

/**
 * Puts a `mocker` into `folder` that runs the bundled command line on the editor's own Node.
 * Throws Error if something else is there.
 */
export function installCommand(
  cliPath: string,
  nodePath: string,
  folder: string,
  env: NodeJS.ProcessEnv,
): InstalledCommand {
  mkdirSync(folder, { recursive: true });
  accessSync(folder, constants.W_OK);
  const path = join(folder, "mocker");
  const existing = lstatSync(path, { throwIfNoEntry: false });
  if (existing !== undefined && !(existing.isFile() && isOurs(path))) {
    throw new Error(l10n.t("{0} exists and was not made by this extension.", path));
  }
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, script(cliPath, nodePath), { mode: 0o755 });
  chmodSync(temporary, 0o755);
  renameSync(temporary, path);
  const onPath = (env.PATH ?? "").split(delimiter).includes(folder);
  return { path, onPath };
}

/**
 * Updates of the editor or the extension move them: the script says what to do then. Without `--` Node would
 * take an `--env-file` among the arguments for its own.
 */
function script(cliPath: string, nodePath: string): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return `#!/bin/sh
${mark}
cli=${quoted(cliPath)}
node=${quoted(nodePath)}
if [ ! -f "$cli" ]; then
  echo "mocker: the extension has moved; run \\"Mocker: Install 'mocker' Command\\" in the editor again" >&2
  exit 127
fi
if [ ! -x "$node" ]; then node=$(command -v node) || {
  echo "mocker: the editor has moved; run \\"Mocker: Install 'mocker' Command\\" in it again" >&2
  exit 127
}; fi
ELECTRON_RUN_AS_NODE=1 exec "$node" -- "$cli" "$@"
`;
}

function isOurs(path: string): boolean {
  return readFileSync(path, "utf8").includes(mark);
}
