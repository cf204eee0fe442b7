// npm run package [-- [FILE] [--base-images-url URL]]: the extension for this machine's platform as FILE, by
// default mocker-linux-x64-VERSION.vsix. A marketplace shows README's pictures only from an https address:
// who publishes names the folder that they are in there. Without one they stay as they are in a checkout.

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

writeFileSync("dist/ThirdPartyNotices.txt", thirdPartyNotices());
await createVSIX({
  packagePath,
  target,
  dependencies: false,
  // vsce rewrites links only with a base for both kinds; README's links are to files beside the pictures'
  // folder.
  ...(baseImagesUrl === undefined
    ? { rewriteRelativeLinks: false }
    : { baseImagesUrl, baseContentUrl: baseImagesUrl }),
  allowMissingRepository: true,
});
console.log(`${packagePath}: ${(statSync(packagePath).size / 1e6).toFixed(1)} MB`);
