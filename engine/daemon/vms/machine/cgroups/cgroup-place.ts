/**
 * Where cgroups of machines can be made, with limits: a directory whose controllers are passed on to those
 * below.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { OwnCgroup } from "./own-cgroup.ts";

/** As the layers of a machine list them. */
const wanted = ["memory", "pids", "cpu"];
/** Beside the machines' cgroups, as a cgroup with controllers for others has no processes of its own. */
const engineName = "mocker-engine";

export type CgroupPlace = { directory: string; controllers: string[] } | { problem: string };

/** Of root: below the top of the hierarchy. */
export function topPlace({ top }: OwnCgroup): CgroupPlace {
  const directory = join(top, "mocker");
  if (enable(top).length === 0) return { problem: noControllers(top) };
  mkdirSync(directory, { recursive: true });
  return { directory, controllers: enable(directory) };
}

/**
 * Of a user, to whom the cgroup of the engine has been delegated (cgroups(7)). Moves the engine into one
 * below it.
 * @param pids of the engine and of processes that it started
 */
export function delegatedPlace({ directory: own }: OwnCgroup, pids: () => readonly number[]): CgroupPlace {
  const directory = basename(own) === engineName ? dirname(own) : own;
  if (!["", "cgroup.procs", "cgroup.subtree_control"].every((name) => isWritable(join(directory, name)))) {
    return { problem: `the engine's cgroup (${directory}) is not delegated to this user` };
  }
  if (offered(directory).length === 0) return { problem: noControllers(directory) };
  const leaf = join(directory, engineName);
  const isNew = !existsSync(leaf);
  mkdirSync(leaf, { recursive: true });
  const members = new Set(words(join(directory, "cgroup.procs")).map(Number));
  const moved = pids().filter((pid) => members.has(pid));
  for (const pid of moved) move(pid, leaf);
  const controllers = enable(directory);
  if (controllers.length > 0) return { directory, controllers };
  for (const pid of moved) move(pid, directory);
  if (isNew) rmdirSync(leaf);
  return { problem: `other processes are in the engine's cgroup (${directory})` };
}

function noControllers(directory: string): string {
  return `${directory} has none of the controllers ${wanted.join(", ")}: they are not delegated, or cgroup v1's`;
}

function offered(directory: string): string[] {
  const there = words(join(directory, "cgroup.controllers"));
  return wanted.filter((name) => there.includes(name));
}

/** Passes the controllers on to the cgroups below. @returns those that are */
function enable(directory: string): string[] {
  const path = join(directory, "cgroup.subtree_control");
  for (const name of offered(directory)) {
    if (words(path).includes(name)) continue;
    try {
      writeFileSync(path, `+${name}`);
    } catch {
      // EBUSY: it has processes of its own; what is missing shows below.
    }
  }
  const passedOn = words(path);
  return wanted.filter((name) => passedOn.includes(name));
}

/** One that has ended meanwhile needs no move. */
function move(pid: number, directory: string): void {
  try {
    writeFileSync(join(directory, "cgroup.procs"), String(pid));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function words(path: string): string[] {
  return readFileSync(path, "utf8").split(/\s+/).filter(Boolean);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
