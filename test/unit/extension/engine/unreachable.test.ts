import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineUnreachable, type UnreachableReason } from "../../../../engine/client/errors.ts";
import { inEditorsWords } from "../../../../extension/engine/unreachable.ts";

const told = (reason: UnreachableReason): string => {
  const { code, message, hint } = inEditorsWords(
    new EngineUnreachable(reason, "the command line's words", { hint: "the command line's hint" }),
  );
  assert.equal(code, "ENGINE_UNREACHABLE");
  return `${message} | ${hint}`;
};

test("every reason has the editor's words and a hint of its own", () => {
  const path = "/run/x";
  const start = { kind: "start", logPath: "/log" } as const;
  const words: [UnreachableReason, string][] = [
    [
      { kind: "socket-path", path },
      "The path of the engine's socket is too long: /run/x | Set MOCKER_RUN_DIR to",
    ],
    [
      { kind: "run-directory", path, fault: { kind: "foreign", uid: 7 } },
      "/run/x is not a private folder of this user: it belongs to user 7. | Remove it",
    ],
    [{ kind: "peer", path, uid: 7 }, "What listens at /run/x is a process of user 7, not an engine of yours"],
    [
      { kind: "connect", path, why: "EACCES" },
      "Cannot connect to the engine at /run/x: EACCES | Check who owns",
    ],
    [
      { kind: "handshake", path, seconds: 10 },
      "The engine at /run/x does not answer within 10 s. | End its process",
    ],
    [
      { kind: "end", seconds: 5 },
      "The engine did not end within 5 s after it was asked to. | End its process",
    ],
    [
      { ...start, failure: { kind: "said", words: "disk full" } },
      "The engine did not start: disk full | Details are in /log.",
    ],
    [
      { ...start, failure: { kind: "exited", status: 1 } },
      "The engine did not start: it exited with status 1 |",
    ],
    [
      { ...start, failure: { kind: "killed", signal: "SIGKILL" } },
      "The engine did not start: it was ended by SIGKILL |",
    ],
    [
      { ...start, failure: { kind: "silent", seconds: 20 } },
      "The engine did not start: no answer after 20 s |",
    ],
    [{ kind: "lost" }, "The connection to the Mocker engine was lost. | Running VMs are not affected."],
  ];
  for (const [reason, beginning] of words) {
    assert.ok(told(reason).startsWith(beginning), told(reason));
  }
});

test("an engine of another protocol keeps its own words, and is told from other failures", () => {
  const failure = new EngineUnreachable({ kind: "protocol" }, "it speaks protocol 7");
  const { message, hint, details } = inEditorsWords(failure);
  assert.equal(message, "it speaks protocol 7");
  assert.equal(hint, "Restart the engine: VMs go on running.");
  assert.deepEqual(details, { source: "version" });
});
