import { join } from "node:path";
import { compiled } from "../native/compiled.ts";
import { rootDir } from "../support/paths.ts";

/** The path of a guest agent that lies: hostile-agent.c, made first where needed. */
export async function hostileAgent(): Promise<string> {
  const source = join(rootDir(), "test", "lab", "hostile-agent.c");
  return await compiled("hostile-agent", "cc", ["-static", "-O1", "-Wall", "-Wextra", source], [source]);
}
