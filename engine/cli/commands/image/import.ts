import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import type { EngineClient } from "../../../client/engine-client.ts";
import { type ImageImportParams, imageImport, type PullProgress } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { stringFlag, textListFlag } from "../../flags.ts";
import type { Io } from "../../io.ts";
import { ByteProgress } from "../../output/byte-progress.ts";
import { interruptible } from "../../terminal/interruptible.ts";
import { upload } from "../../transfer/upload.ts";

const flags = {
  change: textListFlag("c", "Apply Dockerfile instruction to the created image"),
  message: stringFlag("m", "Set commit message for imported image"),
  platform: stringFlag(undefined, "Set platform if server is multi-platform capable"),
} as const;

export const importCommand = defineCommand({
  summary: "Import the contents from a tarball to create a filesystem image",
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  arguments: { min: 1, max: 2 },
  flags,
  async run({ args, flags, io, connect }) {
    const [source = "", reference] = args;
    const isUrl = /^https?:\/\//.test(source);
    const isFile = source !== "-" && !isUrl;
    if (isFile) requireFile(io, source);
    const engine = await connect();
    const params = {
      // Docker says so of files too: its client sends them.
      source: isFile ? "-" : source,
      changes: [...flags.change],
      ...(reference === undefined ? {} : { reference }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
      ...(flags.platform ? { platform: flags.platform } : {}),
    };
    const { id } = await interruptible(io, async (signal) => {
      if (isUrl) return await fetchByEngine(io, engine, params, signal);
      const bytes = isFile ? createReadStream(resolve(io.cwd, source)) : io.stdin;
      return await upload(io, engine, bytes, (name) =>
        engine.request(imageImport, { upload: name, ...params }, { signal }),
      );
    });
    io.stdout.write(`${id}\n`);
    return 0;
  },
});

function requireFile(io: Io, source: string): void {
  const stat = statSync(resolve(io.cwd, source), { throwIfNoEntry: false });
  if (!stat) throw new CommandFailure(`open ${source}: no such file or directory`);
  if (stat.isDirectory()) throw new CommandFailure(`read ${source}: is a directory`);
}

/** As with Docker the engine fetches it, through the proxies that registries are reached through. */
async function fetchByEngine(
  io: Io,
  engine: EngineClient,
  params: ImageImportParams,
  signal: AbortSignal,
): Promise<{ id: string }> {
  const progress = new ByteProgress(io.stderr);
  const progressToken = `import-${process.pid}`;
  const forget = engine.onProgress<PullProgress>(progressToken, ({ currentBytes }) =>
    progress.show(currentBytes ?? 0),
  );
  try {
    return await engine.request(imageImport, { ...params, progressToken }, { signal });
  } finally {
    progress.end();
    forget();
  }
}
