/** The `mocker` command. */
import { isatty } from "node:tty";
import { processIo } from "./io.ts";
import { main } from "./program.ts";

/** Waits for what is still to be written: process.exit drops it. */
function flush(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0 || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}

/** Those of stdin, stdout and stderr that are terminals. */
const terminals = [0, 1, 2].filter((fd) => isatty(fd));

/** Ends the process with a status; as SIGHUP does, which is 129 to a shell, when a terminal is gone. */
function end(exitCode: number): void {
  if (terminals.some((fd) => !isatty(fd))) {
    // Node would set the terminal's mode, and abort because it cannot.
    process.removeAllListeners("SIGHUP");
    process.kill(process.pid, "SIGHUP");
  }
  process.exit(exitCode);
}

// A reader that has enough (`mocker logs x | head`) is no error; Docker dies of SIGPIPE there, quietly.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // A session with a process has more to do than to end.
    if (stream.listenerCount("error") === 1) end(error.code === "EPIPE" ? 141 : 1);
  });
}

// A mistake of ours: one line, and the terminal goes back to its user (on "exit").
process.on("uncaughtException", (error) => {
  process.stderr.write(`mocker: internal error: ${error.message}\n`);
  end(125);
});

void main(process.argv.slice(2), processIo()).then(async (exitCode) => {
  await Promise.all([flush(process.stdout), flush(process.stderr)]);
  end(exitCode);
});
