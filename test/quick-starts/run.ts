import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { imageLayout } from "../fixtures/image.ts";
import { fixtureImage } from "../fixtures/index.ts";
import { Lab } from "../lab/lab.ts";
import { bundleProgram } from "../runner/bundle-tests.ts";
import { nativeParts } from "../runner/suite-run.ts";
import { SetupError } from "../support/host.ts";
import { cacheDir, rootDir } from "../support/paths.ts";
import { images, type ServiceName } from "./images.ts";

const usage = `Usage: npm run quick-starts [-- [--lab] [NAME…]]
Types the first command of popular images' READMEs and asks each service on its published port:
  ${Object.keys(images).join(", ")}
With the name debuggers alone, debugs Go and C in VMs instead.
The images are stand-ins made of Debian's packages; making one takes a minute, once. Needs root for that.
Without --lab the VMs are simulated ones of this machine.
`;

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const names = args.filter((argument) => argument !== "--lab");
  const areDebuggers = names.join() === "debuggers";
  if (!areDebuggers && names.some((name) => !Object.hasOwn(images, name))) {
    process.stderr.write(usage);
    return 2;
  }
  const chosen = (names.length > 0 ? names : Object.keys(images)) as ServiceName[];
  const pairs: string[] = [];
  if (areDebuggers) for (const name of ["delve", "lldb"] as const) await fixtureImage(name);
  else for (const name of chosen) pairs.push(`${name}=${await imageLayout(images[name])}`);
  const folder = mkdtempSync(join(cacheDir(), "quick-starts-"));
  try {
    const program = await bundleProgram(
      `test/quick-starts/${areDebuggers ? "debuggers" : "inside"}/main.ts`,
      folder,
    );
    const argv = [program, ...pairs];
    return args.includes("--lab") ? await runInLab(argv, folder) : await runHere(argv);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runHere(argv: string[]): Promise<number> {
  const child = spawn(process.execPath, argv, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...nativeParts(rootDir()) },
  });
  const [code] = await once(child, "exit");
  return code ?? 1;
}

async function runInLab(argv: string[], folder: string): Promise<number> {
  const lab = await Lab.boot({ expose: [folder] });
  try {
    const result = await lab.run([process.execPath, ...argv], {
      env: nativeParts(rootDir()),
      timeoutMs: 3 * 60 * 60_000,
      onStdout: (data) => process.stdout.write(data),
      onStderr: (data) => process.stderr.write(data),
    });
    return result.code;
  } finally {
    await lab.close();
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof SetupError ? error.message : (error as Error).stack}\n`);
    process.exitCode = 2;
  },
);
