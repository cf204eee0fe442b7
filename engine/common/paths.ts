/**
 * Where Mocker keeps its data and its sockets. The engine and its clients must agree, so both take it from
 * here.
 */
import { lstatSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

function ownUid(): number {
  return process.getuid?.() ?? 0;
}

/** Value of an XDG variable; the specification says that relative ones are to be ignored. */
function xdg(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

/**
 * Images, VM records, disks and logs: `$MOCKER_DATA_DIR`, `$XDG_DATA_HOME/mocker` or `~/.local/share/mocker`.
 */
export function dataDir(env: Environment = process.env): string {
  if (env.MOCKER_DATA_DIR) return resolve(env.MOCKER_DATA_DIR);
  return join(xdg(env, "XDG_DATA_HOME") ?? join(env.HOME || homedir(), ".local", "share"), "mocker");
}

/**
 * The user's configuration: `$XDG_CONFIG_HOME/mocker` or `~/.config/mocker`, with engine.json and certs.d.
 */
export function configDir(env: Environment = process.env): string {
  return join(xdg(env, "XDG_CONFIG_HOME") ?? join(env.HOME || homedir(), ".config"), "mocker");
}

/** What can be made again: `$XDG_CACHE_HOME/mocker` or `~/.cache/mocker`. */
export function cacheDir(env: Environment = process.env): string {
  return join(xdg(env, "XDG_CACHE_HOME") ?? join(env.HOME || homedir(), ".cache"), "mocker");
}

function isOwnDirectory(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === ownUid();
}

/**
 * Sockets: `$MOCKER_RUN_DIR`, `$XDG_RUNTIME_DIR/mocker`, `/run/user/<uid>/mocker` where that is ours,
 * `/run/mocker` for root, else `/tmp/mocker-<uid>`. Check the last with {@link isPrivateDirectory} before
 * use: anybody can make it.
 */
export function runDir(env: Environment = process.env): string {
  if (env.MOCKER_RUN_DIR) return resolve(env.MOCKER_RUN_DIR);
  const runtimeDir = xdg(env, "XDG_RUNTIME_DIR");
  if (runtimeDir !== undefined) return join(runtimeDir, "mocker");
  const uid = ownUid();
  if (isOwnDirectory(`/run/user/${uid}`)) return `/run/user/${uid}/mocker`;
  return uid === 0 ? "/run/mocker" : `/tmp/mocker-${uid}`;
}

/** The engine's socket. */
export function socketPath(env: Environment = process.env): string {
  return join(runDir(env), "engine.sock");
}

/** The engine's socket for Docker's clients, beside the engine's own. */
export const dockerSocketName = "docker.sock";

export function dockerSocketPath(env: Environment = process.env): string {
  return join(runDir(env), dockerSocketName);
}

/** stdout and stderr of an engine that a client started. */
export function engineLogPath(env: Environment = process.env): string {
  return join(dataDir(env), "engine.log");
}

/** Whether `path` is a directory (no link) of this user's that nobody else can enter. */
export function isPrivateDirectory(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === ownUid() && (stat.mode & 0o077) === 0;
}
