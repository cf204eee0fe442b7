import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { rootDir } from "../support/paths.ts";

/** What may differ of a line's outcome. */
export const parts = ["exit", "stdout", "stderr"] as const;
export type Part = (typeof parts)[number];

/** The ways to Mocker: its own command line, and Docker's at Mocker's socket. */
export const ways = ["cli", "socket"] as const;
export type Way = (typeof ways)[number];

/** A command line that is given to Docker, and to Mocker both ways. */
export interface Line {
  /** For a shell; `docker` in it is the program. */
  readonly text: string;
  /** Why Mocker differs, by the parts that do. */
  readonly differences: Readonly<Record<Way, ReadonlyMap<Part, string>>>;
}

/** Lines that follow each other, beginning with no containers, volumes and networks. */
export interface Session {
  readonly name: string;
  readonly lines: readonly Line[];
}

/** The sessions of this directory: one for each `.txt` file. */
export function readSessions(): Session[] {
  const directory = join(rootDir(), "test", "docker-lines");
  const files = readdirSync(directory).filter((name) => name.endsWith(".txt"));
  return files.sort().map((name) => ({
    name: basename(name, ".txt"),
    lines: parseLines(readFileSync(join(directory, name), "utf8"), name),
  }));
}

/**
 * Reads one line for each line of the file, but for empty ones and comments (`# …`). Below a line
 * `≠ PART…: REASON` says which parts of its outcome differ, and why; `≠ cli PART…: REASON` and
 * `≠ socket PART…: REASON` say it of one way alone.
 * @throws Error for a difference that names no line, no part or no reason
 */
export function parseLines(text: string, name: string): Line[] {
  const lines: { text: string; differences: Record<Way, Map<Part, string>> }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "" || line.startsWith("#")) continue;
    if (!line.startsWith("≠")) {
      lines.push({ text: line, differences: { cli: new Map(), socket: new Map() } });
      continue;
    }
    const [, way, names = "", reason] = line.match(/^≠ (?:(cli|socket) )?([a-z ]+): (.+)$/) ?? [];
    const named = parts.filter((part) => names.split(" ").includes(part));
    const last = lines.at(-1);
    if (reason === undefined || named.length !== names.split(" ").length || last === undefined)
      throw new Error(`${name}:${index + 1}: not a difference: ${line}`);
    for (const affected of ways.filter((one) => way === undefined || way === one))
      for (const part of named) last.differences[affected].set(part, reason);
  }
  return lines;
}
