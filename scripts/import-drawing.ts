import { importsOf, roomOf } from "./imports.ts";

/** What all others may use: edges to these would hide the rest, and are left out. */
const shared = ["engine/protocol", "engine/docker", "engine/common", "engine/daemon/log"];

const rooms = [
  "extension",
  "engine/cli",
  "engine/client",
  "engine/daemon",
  "engine/daemon/api",
  "engine/daemon/events",
  "engine/daemon/system",
  "engine/daemon/vms",
  "engine/daemon/vms/machine",
  "engine/daemon/vms/records",
  "engine/daemon/vms/runtimes",
  "engine/daemon/images",
  "native",
];

const begin = "<!-- drawn by `npm run draw-imports` -->";
const end = "<!-- end of the drawing -->";

/**
 * Mermaid's text for the rooms of the sources: an arrow goes from a room to each one that its files import.
 */
export function importDrawing(): string {
  const all = [...rooms, ...shared];
  const edges = new Set<string>();
  for (const { from, to } of importsOf(["engine", "extension", "native"])) {
    const [own, target] = [roomOf(from, all), roomOf(to, all)];
    if (own !== target && rooms.includes(own) && rooms.includes(target)) {
      edges.add(`  ${nameOf(own)} --> ${nameOf(target)}`);
    }
  }
  return ["```mermaid", "flowchart TD", ...[...edges].sort(), "```"].join("\n");
}

/** "engine/daemon/vms" is called "daemon/vms". */
function nameOf(room: string): string {
  return room.replace(/^engine\//, "");
}

/** CONTRIBUTING.md's text with the drawing as it should be. */
export function withDrawing(text: string): string {
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`CONTRIBUTING.md lacks ${begin} or ${end}`);
  return `${before}${begin}\n\n${importDrawing()}\n\n${end}${after}`;
}
