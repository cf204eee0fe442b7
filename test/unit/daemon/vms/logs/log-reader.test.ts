import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type LogReadOptions, readLog } from "../../../../../engine/daemon/vms/logs/log-reader.ts";

const dir = mkdtempSync(join(tmpdir(), "mocker-log-"));
after(() => rmSync(dir, { recursive: true }));
let files = 0;

function entry(second: number, flag: "P" | "F", text: string, stream = "stdout"): string {
  const time = `2026-01-01T00:00:${String(second).padStart(2, "0")}.000000001Z`;
  return `${time} ${stream} ${flag} ${text}\n`;
}

function log(...generations: string[]): string {
  const path = join(dir, `log-${files++}`);
  for (const [index, content] of generations.entries()) {
    const age = generations.length - 1 - index;
    writeFileSync(age === 0 ? path : `${path}.${age}`, content);
  }
  return path;
}

async function read(path: string, options: Partial<LogReadOptions> = {}): Promise<string> {
  const parts: string[] = [];
  for await (const entries of readLog(path, { signal: new AbortController().signal, ...options })) {
    for (const { data } of entries) parts.push(data.toString("latin1"));
  }
  return parts.join("");
}

test("a log gives back exactly the bytes that were written, across generations and partial lines", async () => {
  const path = log(
    entry(1, "F", "one"),
    entry(2, "P", "tw") + entry(3, "F", "o"),
    entry(4, "P", "no newline\0!"),
  );
  assert.equal(await read(path), "one\ntwo\nno newline\0!");
});

test("tail counts whole lines and finds them in older generations", async () => {
  const path = log(
    entry(1, "F", "a") + entry(2, "F", "b"),
    entry(3, "P", "c1") + entry(4, "F", "c2") + entry(5, "F", "d"),
  );
  assert.equal(await read(path, { tail: 0 }), "");
  assert.equal(await read(path, { tail: 1 }), "d\n");
  assert.equal(await read(path, { tail: 2 }), "c1c2\nd\n");
  assert.equal(await read(path, { tail: 3 }), "b\nc1c2\nd\n");
  assert.equal(await read(path, { tail: 99 }), "a\nb\nc1c2\nd\n");
});

test("tail counts an unfinished last line", async () => {
  assert.equal(await read(log(entry(1, "F", "a") + entry(2, "P", "b")), { tail: 1 }), "b");
});

test("tail reads back over many blocks", async () => {
  const lines = Array.from({ length: 5000 }, (_, n) => `line ${n} ${"x".repeat(60)}`);
  const path = log(lines.map((line) => entry(1, "F", line)).join(""));
  assert.equal(
    await read(path, { tail: 3000 }),
    lines
      .slice(2000)
      .map((line) => `${line}\n`)
      .join(""),
  );
});

test("since and until cut by time", async () => {
  const path = log(entry(1, "F", "a") + entry(5, "F", "b") + entry(9, "F", "c"));
  const at = (second: number): number => Date.parse(`2026-01-01T00:00:0${second}Z`);
  assert.equal(await read(path, { sinceMs: at(3) }), "b\nc\n");
  assert.equal(await read(path, { sinceMs: at(3), untilMs: at(7) }), "b\n");
});

test("torn lines are skipped", async () => {
  assert.equal(await read(log(`garbage\n${entry(1, "F", "a")}2026-01-01T00:00:01Z stdout F no end`)), "a\n");
});

test("follow sees appended lines, crosses a rotation and ends with the VM", async () => {
  const path = log(entry(1, "F", "a"));
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const entries of readLog(path, { follow: { ended }, signal: new AbortController().signal })) {
      for (const { data } of entries) seen.push(data.toString());
      if (seen.length === 1) appendFileSync(path, entry(2, "F", "b"));
      if (seen.length === 2) {
        appendFileSync(path, entry(3, "F", "c"));
        renameSync(path, `${path}.1`);
        writeFileSync(path, entry(4, "F", "d"));
      }
      if (seen.length === 4) end();
    }
  })();
  await reading;
  assert.deepEqual(seen, ["a\n", "b\n", "c\n", "d\n"]);
});
