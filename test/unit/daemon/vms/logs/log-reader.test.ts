import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { timeText } from "../../../../../engine/daemon/vms/logs/log-entry.ts";
import { LogGenerations } from "../../../../../engine/daemon/vms/logs/log-generations.ts";
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

/** As the monitor does it. */
function rotate(path: string, maxFiles: number, content: string): void {
  for (let age = maxFiles - 1; age > 1; age--) {
    if (existsSync(`${path}.${age - 1}`)) renameSync(`${path}.${age - 1}`, `${path}.${age}`);
  }
  renameSync(path, `${path}.1`);
  writeFileSync(path, content);
}

/** `onEntry` is called after each entry; it ends the VM, and returns what is to be seen until then. */
async function follow(path: string, onEntry: (seen: string[], end: () => void) => string[]): Promise<void> {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const seen: string[] = [];
  let wanted: string[] = [];
  for await (const entries of readLog(path, { follow: { ended }, signal: AbortSignal.timeout(20_000) })) {
    for (const { data } of entries) seen.push(data.toString());
    wanted = onEntry(seen, end);
  }
  assert.deepEqual(seen, wanted);
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

test("a short entry is so much later than the one before it, in its own stream", async () => {
  const path = log(`${entry(1, "F", "a")}Ob\n999999Ec\n5od\neE\n`, `# 100\n${entry(3, "F", "f")}7Og\n`);
  const seen: string[] = [];
  for await (const entries of readLog(path, { signal: new AbortController().signal })) {
    for (const { time, stream, data } of entries)
      seen.push(`${timeText(time).slice(17)} ${stream} ${JSON.stringify(data.toString())}`);
  }
  assert.deepEqual(seen, [
    '01.000000001Z stdout "a\\n"',
    '01.000000001Z stdout "b\\n"',
    '01.999999001Z stderr "c\\n"',
    '02.000004001Z stdout "d"',
    '02.000004001Z stderr "E"',
    '03.000000001Z stdout "f\\n"',
    '03.000007001Z stdout "g\\n"',
  ]);
});

test("the last lines have their times, though they say only how much later they are", async () => {
  const lines = Array.from({ length: 30_000 }, (_, n) => `100O${n}\n`);
  const path = log(entry(1, "F", "first") + lines.join(""));
  const seen: string[] = [];
  for await (const entries of readLog(path, { tail: 2, signal: new AbortController().signal })) {
    for (const { time, data } of entries) seen.push(`${timeText(time).slice(17)} ${data}`);
  }
  assert.deepEqual(seen, ["03.999900001Z 29998\n", "04.000000001Z 29999\n"]);
});

test("a rotation while an old generation is read skips nothing", async () => {
  const path = log(entry(1, "F", "a"), entry(2, "F", "b"), entry(3, "F", "c"));
  const seen: string[] = [];
  for await (const entries of readLog(path, { signal: new AbortController().signal })) {
    for (const { data } of entries) seen.push(data.toString());
    if (seen.length === 1) rotate(path, 3, entry(4, "F", "d"));
  }
  assert.deepEqual(seen, ["a\n", "b\n", "c\n"]);
});

test("a follower that is generations behind goes on with each of them", async () => {
  const path = log(entry(1, "F", "a"));
  await follow(path, (seen, end) => {
    if (seen.length === 1)
      for (const [n, text] of ["b", "c", "d"].entries()) rotate(path, 9, entry(n, "F", text));
    if (seen.length === 4) end();
    return ["a\n", "b\n", "c\n", "d\n"];
  });
});

test("a follower that looks while the current log has no name yet waits for it", async () => {
  const path = log(entry(1, "F", "a"));
  await follow(path, (seen, end) => {
    if (seen.length === 1) {
      renameSync(path, `${path}.1`);
      setTimeout(() => writeFileSync(path, entry(2, "F", "b")), 20);
    }
    if (seen.length === 2) end();
    return ["a\n", "b\n"];
  });
});

test("a follower that has seen half an entry which is cut off again misses nothing of what follows", async () => {
  const whole = entry(1, "F", "a");
  const path = log(`${whole}${entry(2, "F", "torn").slice(0, -3)}`);
  await follow(path, (seen, end) => {
    if (seen.length === 1) {
      // When it has come to the end there is, and waits.
      setTimeout(() => {
        truncateSync(path, whole.length);
        appendFileSync(path, entry(3, "F", "b") + entry(4, "F", "c"));
      }, 50);
    }
    if (seen.length === 3) end();
    return ["a\n", "b\n", "c\n"];
  });
});

test("a follower is told how much was rotated away before it could read it", async () => {
  const path = log(entry(1, "F", "a"));
  const bytes = statSync(path).size;
  await follow(path, (seen, end) => {
    if (seen.length === 1) {
      rmSync(path);
      writeFileSync(path, `# ${bytes + 1234}\n${entry(2, "F", "b")}`);
    }
    if (seen.length === 3) end();
    return [
      "a\n",
      "mocker: 1234 bytes of the log are missing here, they were rotated away before they were read\n",
      "b\n",
    ];
  });
});

test("a log says how much of it was rotated away", async () => {
  const whole = log(entry(1, "F", "a"));
  assert.equal(await new LogGenerations(whole).lostBytes(), 0);
  const cut = log(`# 1234\n${entry(1, "F", "a")}`, `# 5678\n${entry(2, "F", "b")}`);
  assert.equal(await new LogGenerations(cut).lostBytes(), 1234);
  assert.equal(await new LogGenerations(join(dir, "nowhere")).lostBytes(), 0);
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
