import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { l10n } from "../l10n.ts";

const mark = "# Installed by the Mocker extension.";

/** What the installed command runs. */
export interface CommandTarget {
  /** The extension's directory; those of its other versions are beside it. */
  extensionPath: string;
  /** `publisher.name`, which the names of those directories begin with. */
  extensionId: string;
  /** The editor's own Node. */
  nodePath: string;
}

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
 * Puts a `mocker` into `folder` that runs the command line of the version of the extension that was installed
 * last. Throws Error if something else is there.
 */
export function installCommand(
  target: CommandTarget,
  folder: string,
  env: NodeJS.ProcessEnv,
): InstalledCommand {
  mkdirSync(folder, { recursive: true });
  accessSync(folder, constants.W_OK);
  const path = commandPath(folder);
  const existing = lstatSync(path, { throwIfNoEntry: false });
  if (existing !== undefined && !isCommandInstalled(folder)) {
    throw new Error(l10n.t("{0} exists and was not made by this extension.", path));
  }
  write(path, script(target));
  const onPath = (env.PATH ?? "").split(delimiter).includes(folder);
  return { path, onPath };
}

/**
 * Writes an installed command anew where the editor or the extension has moved since. One that belongs to
 * another editor's extensions is left alone.
 */
export function refreshCommand(target: CommandTarget, folder: string): void {
  if (!isCommandInstalled(folder)) return;
  const path = commandPath(folder);
  const [before, now] = [readFileSync(path, "utf8"), script(target)];
  if (before !== now && before.includes(quoted(versionsPrefix(target)).slice(0, -1))) write(path, now);
}

/** Whether the `mocker` in `folder` is one of this extension's, which is one that can be read. */
export function isCommandInstalled(folder: string): boolean {
  const path = commandPath(folder);
  try {
    return lstatSync(path).isFile() && readFileSync(path, "utf8").includes(mark);
  } catch {
    return false;
  }
}

/** Its path; undefined if there was none of this extension's, and nothing was removed. */
export function uninstallCommand(folder: string): string | undefined {
  if (!isCommandInstalled(folder)) return undefined;
  const path = commandPath(folder);
  rmSync(path);
  return path;
}

function commandPath(folder: string): string {
  return join(folder, "mocker");
}

function write(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text, { mode: 0o755 });
  chmodSync(temporary, 0o755);
  renameSync(temporary, path);
}

const commandInExtension = "dist/bin/mocker";

function versionsPrefix({ extensionPath, extensionId }: CommandTarget): string {
  return join(dirname(extensionPath), `${extensionId}-`);
}

/**
 * The version that counts is the one that was written last, which after a downgrade is not the highest. In a
 * terminal of an editor MOCKER_NODE is that editor's.
 */
function script(target: CommandTarget): string {
  return `#!/bin/sh
${mark}
mocker=${quoted(join(target.extensionPath, commandInExtension))}
for each in ${quoted(versionsPrefix(target))}[0-9]*/${commandInExtension}; do
  if [ -x "$each" ] && { [ ! -x "$mocker" ] || [ "$each" -nt "$mocker" ]; }; then mocker=$each; fi
done
if [ ! -x "$mocker" ]; then
  echo "mocker: the Mocker extension is gone; install it again, or delete $0" >&2
  exit 127
fi
if [ ! -x "\${MOCKER_NODE-}" ]; then MOCKER_NODE=${quoted(target.nodePath)}; fi
export MOCKER_NODE
exec "$mocker" "$@"
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
