/** `npm run draw-imports`: draws which room imports which into CONTRIBUTING.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootDir } from "../test/support/paths.ts";
import { withDrawing } from "./import-drawing.ts";

const path = join(rootDir(), "CONTRIBUTING.md");
writeFileSync(path, withDrawing(readFileSync(path, "utf8")));
