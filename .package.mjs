// npm run package [-- FILE]: the extension for this machine's platform as FILE, by default mocker-linux-x64-VERSION.vsix.

import { readFileSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { createVSIX } from "@vscode/vsce";
import { thirdPartyNotices } from "./.notices.mjs";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const target = `${process.platform}-${process.arch}`;
const packagePath = resolve(process.argv[2] ?? `mocker-${target}-${version}.vsix`);

writeFileSync("dist/ThirdPartyNotices.txt", thirdPartyNotices());
await createVSIX({
  packagePath,
  target,
  dependencies: false,
  // README's pictures and links are for the repository's page.
  rewriteRelativeLinks: false,
  allowMissingRepository: true,
});
console.log(`${packagePath}: ${(statSync(packagePath).size / 1e6).toFixed(1)} MB`);
