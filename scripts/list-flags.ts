/**
 * `npm run list-flags`: lists in README.md which flags of Docker's are accepted without effect, or refused.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootDir } from "../test/support/paths.ts";
import { withFlagList } from "./flag-list.ts";

const path = join(rootDir(), "README.md");
writeFileSync(path, withFlagList(readFileSync(path, "utf8")));
