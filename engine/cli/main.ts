#!/bin/sh
/** The `mocker` command's process. scripts/bundle.mjs adds the line that hands it from the shell to Node. */
import { processIo } from "./io.ts";
import { main } from "./program.ts";

/** Waits for what is still to be written: process.exit drops it. */
function flush(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0 || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}

// A reader that has enough (`mocker logs x | head`) is no error; Docker dies of SIGPIPE there, quietly.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // A session with a process has more to do than to end.
    if (stream.listenerCount("error") > 1) return;
    process.exit(error.code === "EPIPE" ? 141 : 1);
  });
}

// A mistake of ours: one line, and the terminal goes back to its user (on "exit").
process.on("uncaughtException", (error) => {
  process.stderr.write(`mocker: internal error: ${error.message}\n`);
  process.exit(125);
});

void main(process.argv.slice(2), processIo()).then(async (exitCode) => {
  await Promise.all([flush(process.stdout), flush(process.stderr)]);
  process.exit(exitCode);
});
