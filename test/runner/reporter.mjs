// Reporter for node:test that test/run.ts reads. Each record is \x1e JSON \x1f; what tests print stands
// between.

import { inspect } from "node:util";

/** @param {any} error as node:test wraps it */
function describe(error) {
  const cause = error?.cause ?? error;
  if (!(cause instanceof Error) && typeof cause !== "object") return String(cause);
  const text = typeof cause.stack === "string" ? cause.stack : inspect(cause);
  const inner = cause.cause === undefined ? "" : `\ncaused by: ${inspect(cause.cause)}`;
  // An error from another process comes without its class: its message may be missing from the stack.
  return cause.message && !text.includes(cause.message) ? `${cause.message}\n${text}${inner}` : text + inner;
}

export default async function* reporter(source) {
  for await (const { type, data } of source) {
    const base = { name: data.name, nesting: data.nesting, file: data.file };
    let record;
    if (type === "test:dequeue") record = { event: "begin", ...base };
    else if (type === "test:start") record = { event: "start", ...base };
    else if (type === "test:pass" || type === "test:fail") {
      const error = data.details?.error;
      record = {
        event: type === "test:pass" ? "pass" : "fail",
        ...base,
        suite: data.details?.type === "suite",
        durationMs: data.details?.duration_ms,
        skip: data.skip,
        todo: data.todo,
        ...(error && { failureType: error.failureType, error: describe(error) }),
      };
    } else if (type === "test:stdout" || type === "test:stderr") {
      record = { event: "output", file: data.file, text: data.message };
    }
    if (record) yield `\x1e${JSON.stringify(record)}\x1f`;
  }
}
