/** Asks the user at a terminal for a line. */
import { StringDecoder } from "node:string_decoder";
import { CommandFailure } from "../command.ts";
import type { Io } from "../io.ts";
import { makeRaw } from "./terminal.ts";

const interrupted = 130;
/** Ctrl-C, Ctrl-D and Ctrl-U. */
const interrupt = "\u0003";
const endOfInput = "\u0004";
const eraseLine = "\u0015";

/**
 * Shows `question` and reads a line; `hidden`: without showing what is typed. Throws CommandFailure for
 * Ctrl-C.
 */
export async function askLine(io: Io, question: string, hidden = false): Promise<string> {
  io.stdout.write(question);
  const restore = hidden ? makeRaw(io) : () => undefined;
  try {
    return await readLine(io);
  } finally {
    restore();
    if (hidden) io.stdout.write("\n");
  }
}

/** In raw mode the terminal edits nothing: erasing and giving up are done here. */
function readLine(io: Io): Promise<string> {
  const { stdin } = io;
  const decoder = new StringDecoder("utf8");
  let line = "";
  return new Promise((resolve, reject) => {
    const done = (finish: () => void, rest = ""): void => {
      stdin.off("data", onData).off("end", onEnd).off("error", onEnd);
      stdin.pause();
      if (rest !== "") stdin.unshift(Buffer.from(rest));
      finish();
    };
    const onEnd = (): void => done(() => resolve(line));
    const onData = (chunk: Buffer | string): void => {
      const text = typeof chunk === "string" ? chunk : decoder.write(chunk);
      const characters = [...text];
      for (const [at, character] of characters.entries()) {
        const rest = characters.slice(at + 1).join("");
        switch (character) {
          case "\n":
          case "\r":
          case endOfInput:
            done(() => resolve(line), rest);
            return;
          case interrupt:
            done(() => reject(new CommandFailure("", interrupted)), rest);
            return;
          case "\u007f":
          case "\b":
            line = [...line].slice(0, -1).join("");
            break;
          case eraseLine:
            line = "";
            break;
          default:
            line += character;
        }
      }
    };
    stdin.on("data", onData).on("end", onEnd).on("error", onEnd);
    stdin.resume();
  });
}

const maximumSecretBytes = 1 << 20;

/** All of standard input, without the newline at its end. */
export async function readSecret(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of io.stdin) {
    const bytes = Buffer.from(chunk as Buffer | string);
    length += bytes.length;
    if (length > maximumSecretBytes) throw new CommandFailure("the password on standard input is too long");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8").replace(/\n$/, "").replace(/\r$/, "");
}
