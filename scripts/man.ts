/** `npm run man`: manual pages as dist/man/man1/*.1, where man(1) finds them by dist/bin on PATH. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { completionScripts } from "../engine/cli/completion/scripts.ts";
import { rootDir } from "../test/support/paths.ts";
import { manPages } from "./man-pages.ts";

const dist = join(rootDir(), "dist");
const directory = join(dist, "man", "man1");

/** https://reproducible-builds.org/specs/source-date-epoch/ */
const epoch = process.env.SOURCE_DATE_EPOCH;
const date = new Date(epoch === undefined ? Date.now() : Number(epoch) * 1000).toISOString().slice(0, 10);

void manPages(date).then((pages) => {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of pages) writeFileSync(join(directory, name), text);
  // bash-completion, from 2.12 on, finds it by dist/bin on PATH as well.
  const completions = join(dist, "share", "bash-completion", "completions");
  mkdirSync(completions, { recursive: true });
  writeFileSync(join(completions, "mocker"), completionScripts.bash);
});
