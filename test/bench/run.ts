import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fixtureImage } from "../fixtures/index.ts";
import { startRegistry } from "../fixtures/registry.ts";
import { Lab } from "../lab/lab.ts";
import { bundleProgram } from "../runner/bundle-tests.ts";
import { needPrograms, runTool, SetupError } from "../support/host.ts";
import { rootDir } from "../support/paths.ts";
import { cliPart } from "./cli.ts";
import { dockerPart } from "./docker.ts";
import { imagesPart } from "./images.ts";
import { median, type Row } from "./measure.ts";
import { msbProgram } from "./msb.ts";
import { networkPart } from "./network.ts";
import { withFolder } from "./with-folder.ts";

const usage = `Usage: npm run bench [-- [PART…] [--rounds N]]
  run     in the lab: run, exec and memory of a VM against a minimal program on the same libkrun
  disk    in the lab: what a guest writes and reads, against microsandbox
  network a network's process against passt (root); in the lab, a guest's connections against TSI and microsandbox
  images  pull of a large image against microsandbox, and against skopeo and umoci
  cli     ps, exec, logs of 100 MB, ps beside 1000 VMs, and the engine's memory
  docker  the Docker API under load, against a real dockerd (root)
Medians of N (default 5) interleaved rounds. The exit code says whether every bar is met.
`;

const parts = {
  run: runPart,
  disk: diskPart,
  network: networkParts,
  images: imagesPart,
  cli: cliPart,
  docker: dockerPart,
};

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  let rounds = 5;
  const chosen: (keyof typeof parts)[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--rounds") rounds = Number(args[++i]);
    else if (arg in parts) chosen.push(arg as keyof typeof parts);
    else rounds = 0;
  }
  if (!(Number.isInteger(rounds) && rounds > 0)) {
    process.stderr.write(usage);
    return 2;
  }
  if (!existsSync(join(rootDir(), "dist/cli.js"))) throw new SetupError("nothing is built: npm run build");
  const rows: Row[] = [];
  for (const part of chosen.length === 0 ? (Object.keys(parts) as (keyof typeof parts)[]) : chosen) {
    process.stderr.write(`measuring: ${part}\n`);
    rows.push(...(await parts[part](rounds)));
  }
  process.stdout.write(`${table(rows)}\n`);
  return rows.every(isMet) ? 0 : 1;
}

function isMet(row: Row): boolean {
  return median(row.ours) / median(row.peer) <= row.bar;
}

function table(rows: Row[]): string {
  const format = (row: Row, values: number[]) => {
    const value = median(values);
    const number = value >= 100 ? value.toFixed(0) : value.toFixed(1);
    return row.unit === "ms" && value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${number} ${row.unit}`;
  };
  const cells = [
    ["what", "ours", "peer", "", "ratio", "bar", ""],
    ...rows.map((row) => [
      row.what,
      format(row, row.ours),
      format(row, row.peer),
      row.peerName,
      (median(row.ours) / median(row.peer)).toFixed(2),
      `≤ ${row.bar}`,
      isMet(row) ? "met" : "NOT MET",
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0)),
  );
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

async function runPart(rounds: number): Promise<Row[]> {
  await needPrograms({ gcc: "gcc", umoci: "umoci" });
  return await withFolder(async (folder) => {
    const floor = join(folder, "floor");
    mkdirSync(floor);
    const source = (name: string) => join(rootDir(), "test/bench", name);
    await runTool("gcc", ["-O2", "-o", join(floor, "floor"), source("floor.c"), "-ldl"]);
    const root = join(floor, "root");
    const layout = await fixtureImage("busybox");
    await runTool("umoci", ["raw", "unpack", "--image", `${layout}:latest`, root]);
    await runTool("gcc", ["-O2", "-static", "-o", join(root, "init.krun"), source("floor-init.c")]);
    // The floor boots as libkrun does by itself: from libkrunfw.
    const tool = join(rootDir(), "native/tools/guest-kernel.mjs");
    const print = `import { libkrunfw } from ${JSON.stringify(tool)}; console.log(libkrunfw());`;
    const library = await runTool(process.execPath, ["--input-type=module", "-e", print]);
    copyFileSync(library.trim(), join(floor, "libkrunfw.so.5"));
    await (await startRegistry({ images: ["busybox"] })).stop();
    return await inLab("run", rounds, floor, folder);
  });
}

function diskPart(rounds: number): Promise<Row[]> {
  return besideMicrosandbox("disk", rounds);
}

async function networkParts(rounds: number): Promise<Row[]> {
  return [...(await networkPart(rounds)), ...(await besideMicrosandbox("network", rounds))];
}

async function besideMicrosandbox(part: string, rounds: number): Promise<Row[]> {
  const msb = await msbProgram();
  await (await startRegistry({ images: ["debian"] })).stop();
  return await withFolder((folder) => inLab(part, rounds, msb, folder));
}

/** Runs a part of lab/main.ts in a lab that sees `folder`. */
async function inLab(part: string, rounds: number, argument: string, folder: string): Promise<Row[]> {
  const program = await bundleProgram("test/bench/lab/main.ts", folder);
  const lab = await Lab.boot({ expose: [folder] });
  try {
    const result = await lab.run([process.execPath, program, part, String(rounds), argument], {
      timeoutMs: 60 * 60_000,
      onStderr: (data) => process.stderr.write(data),
    });
    const rows = /^ROWS (.*)$/m.exec(result.stdout.toString())?.[1];
    if (rows === undefined) throw new SetupError(`the lab's part failed (${result.code}):\n${result.stderr}`);
    return JSON.parse(rows) as Row[];
  } finally {
    await lab.close();
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof SetupError ? error.message : (error as Error).stack}\n`);
    process.exitCode = 1;
  },
);
