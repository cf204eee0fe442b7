// npm run package [-- [FILE] [--base-images-url URL]]: the extension for this machine's platform as FILE, by
// default mocker-linux-x64-VERSION.vsix. Its page is extension/README.md. VS Code and marketplaces show
// pictures in it from https addresses only, neither files of the extension nor data URLs: with URL they are
// those of this checkout that is published there, without one the page has none.

import { readFileSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { createVSIX } from "@vscode/vsce";
import { thirdPartyNotices } from "./notices.mjs";

const { values, positionals } = parseArgs({
  options: { "base-images-url": { type: "string" } },
  allowPositionals: true,
});
const baseImagesUrl = values["base-images-url"];
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const target = `${process.platform}-${process.arch}`;
const packagePath = resolve(positionals[0] ?? `mocker-${target}-${version}.vsix`);

const picture = /(!\[[^\]]+\]\()\.\.\/(media\/[\w-]+\.png\))\n+/g;
const readmePath = "dist/README.md";
writeFileSync(
  readmePath,
  readFileSync("extension/README.md", "utf8").replace(picture, (_, start, path) =>
    baseImagesUrl === undefined ? "" : `${start}${baseImagesUrl.replace(/\/$/, "")}/${path}\n\n`,
  ),
);
writeFileSync("dist/ThirdPartyNotices.txt", thirdPartyNotices());
await createVSIX({
  packagePath,
  readmePath,
  target,
  dependencies: false,
  // All links are whole by now; what is not makes vsce fail.
  rewriteRelativeLinks: true,
  allowMissingRepository: true,
});
console.log(`${packagePath}: ${(statSync(packagePath).size / 1e6).toFixed(1)} MB`);
