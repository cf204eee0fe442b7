import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The jail's list of system calls, as its sources have it. */
export interface AllowList {
  /** Those that are allowed, whatever their arguments. */
  allowed: Set<string>;
  /** Those whose arguments are looked at. */
  checked: Set<string>;
}

/** By their names, also of those that are there by number, with the name in a comment. */
export function readAllowList(root: string): AllowList {
  const jail = join(root, "native", "host", "os", "linux", "jail");
  const list = readFileSync(join(jail, "own-libkrun-calls.h"), "utf8").split("ownLibkrunCalls[] =")[1] ?? "";
  const filter =
    readFileSync(join(jail, "syscall-filter.cc"), "utf8").split("int enterSyscallFilter")[1] ?? "";
  return {
    allowed: new Set([
      ...namesIn(list),
      ...[...list.matchAll(/\d+ \/\* (\w+) \*\//g)].map(([, name = ""]) => name),
    ]),
    // Threads are made by both (SeccompProgram::threadsOnly).
    checked: new Set([...namesIn(filter), "clone", "clone3"]),
  };
}

function namesIn(source: string): string[] {
  return [...source.matchAll(/\bSYS_(\w+)/g)].map(([, name = ""]) => name);
}
