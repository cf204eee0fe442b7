import { randomUUID } from "node:crypto";
import { humanSize } from "../../../docker/sizes.ts";
import { type CheckpointProgress, checkpointCreate } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { booleanFlag, refusedFlag } from "../../flags.ts";
import { ByteProgress } from "../../output/byte-progress.ts";
import { interruptible } from "../../terminal/interruptible.ts";
import { checkpointDirFlag } from "./checkpoint-dir-flag.ts";

const flags = {
  "checkpoint-dir": checkpointDirFlag,
  "leave-running": refusedFlag(
    booleanFlag(undefined, "Leave the container running after checkpoint"),
    "a checkpoint has files and configuration and no memory, and is of a VM that does not run",
    "Stop it first: mocker stop CONTAINER",
  ),
} as const;

export const checkpointCreateCommand = defineCommand({
  summary: "Create a checkpoint of a stopped container's files and configuration (not of memory)",
  usage: "[OPTIONS] CONTAINER CHECKPOINT",
  arguments: { min: 2, max: 2 },
  flags,
  async run({ args, io, connect }) {
    const [vm = "", checkpoint = ""] = args;
    const engine = await connect();
    const progress = new ByteProgress(io.stderr);
    const progressToken = randomUUID();
    const stop = engine.onProgress<CheckpointProgress>(progressToken, ({ copiedBytes }) =>
      progress.show(copiedBytes),
    );
    try {
      const { copiedBytes, durationMs } = await interruptible(io, (signal) =>
        engine.request(checkpointCreate, { vm, checkpoint, progressToken }, { signal }),
      );
      progress.end();
      if (copiedBytes > 0) {
        const seconds = (durationMs / 1000).toFixed(1);
        io.stderr.write(
          `Copied ${humanSize(copiedBytes)} in ${seconds}s: the file system shares no blocks between files\n`,
        );
      }
    } finally {
      progress.end();
      stop();
    }
    io.stdout.write(`${checkpoint}\n`);
    return 0;
  },
});
