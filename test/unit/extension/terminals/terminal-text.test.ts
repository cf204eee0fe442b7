import assert from "node:assert/strict";
import { test } from "node:test";
import { LineEditor } from "../../../../extension/terminals/line-editor.ts";
import { Utf8Stream } from "../../../../extension/terminals/utf8-stream.ts";

test("characters cut anywhere between chunks come out whole", () => {
  const text = "a\u00e9\u20ac\u{1f680}\ufeff\r\nz";
  const bytes = Buffer.from(text, "utf8");
  for (let size = 1; size <= 4; size++) {
    const stream = new Utf8Stream();
    let result = "";
    for (let offset = 0; offset < bytes.length; offset += size) {
      result += stream.push(bytes.subarray(offset, offset + size));
    }
    assert.equal(result, text);
  }
});

test("a replay that begins inside a character drops its rest, and only that", () => {
  const bytes = Buffer.from("\u{1f680}ok\u{1f680}", "utf8");
  for (const cut of [1, 2, 3]) assert.equal(new Utf8Stream(true).push(bytes.subarray(cut)), "ok\u{1f680}");
  assert.equal(new Utf8Stream(true).push(bytes), "\u{1f680}ok\u{1f680}");
  // Without a cut, bytes that are no UTF-8 stay visible.
  assert.equal(new Utf8Stream().push(Uint8Array.of(0x80, 0x61)), "\ufffda");
});

test("lines are edited before they are sent", () => {
  const editor = new LineEditor();
  assert.deepEqual(editor.push("lx\x7fs"), { send: "", echo: "lx\b \bs", eof: false, interrupt: false });
  assert.deepEqual(editor.push(" -l\r"), { send: "ls -l\n", echo: " -l\r\n", eof: false, interrupt: false });
});

test("Ctrl-D on an empty line is the end, Ctrl-C interrupts and drops the line, arrows do nothing", () => {
  const editor = new LineEditor();
  assert.equal(editor.push("\x04").eof, true);
  assert.equal(editor.push("abc\x04").send, "abc");
  assert.equal(editor.push("abc\x03").interrupt, true);
  assert.deepEqual(editor.push("\x1b[A\x1bOB\r"), { send: "\n", echo: "\r\n", eof: false, interrupt: false });
});
