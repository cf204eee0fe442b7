import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { nativeDir } from "./vm.ts";

// What the compiler and the linker were told to harden, read from the programs themselves. They are stripped:
// of a static one only its headers and its code are left.

const programs = ["mocker-vmm", "mocker.node", "mocker-agent", "mocker-hello"];
const readelf = (option: string, name: string): string =>
  execFileSync("readelf", ["-W", option, join(nativeDir, name)], { encoding: "utf8" });

for (const name of programs) {
  describe(name, () => {
    test("has no executable stack", () => {
      assert.match(readelf("-l", name), /^ *GNU_STACK .* RW +0x/m);
    });

    test("has relocations that are read-only after the start", () => {
      assert.match(readelf("-l", name), /^ *GNU_RELRO /m);
    });
  });
}

describe("mocker-netd", () => {
  // Go's position-independent programs ask for glibc's loader, which not every host has.
  test("needs no loader and no library", () => {
    assert.doesNotMatch(readelf("-l", "mocker-netd"), /INTERP|DYNAMIC/);
  });

  test("has no executable stack, and no memory that is writable and executable", () => {
    const headers = readelf("-l", "mocker-netd");
    assert.match(headers, /^ *GNU_STACK .* RW +0x/m);
    assert.match(headers, /^ *LOAD .* R E 0x/m);
    assert.doesNotMatch(headers, /^ *LOAD .* RWE 0x/m);
  });
});

for (const name of ["mocker-vmm", "mocker.node"]) {
  describe(name, () => {
    test("is bound before it runs", () => {
      assert.match(readelf("-d", name), /\bFLAGS_1\b.*\bNOW\b/);
    });

    test("is position independent", () => {
      assert.match(readelf("-h", name), /Type: +DYN /);
    });

    test("checks its stack, and the buffers of calls of the C library", () => {
      const symbols = readelf("--dyn-syms", name);
      assert.match(symbols, / __stack_chk_fail\b/);
      assert.match(symbols, / __(?!stack)\w+_chk\b/);
    });
  });
}

// Branch targets are marked: `endbr64`. A note in the program's headers, which is for all of it, cannot be
// asked for: the C library may have been built without. The C++ library has marks of its own, so mocker-vmm's
// would prove nothing.
for (const name of ["mocker.node", "mocker-agent"]) {
  test(`${name} marks where calls may go`, { skip: process.arch !== "x64" }, () => {
    const code = readFileSync(join(nativeDir, name));
    const mark = Buffer.from([0xf3, 0x0f, 0x1e, 0xfa]);
    let marks = 0;
    for (let at = code.indexOf(mark); at >= 0; at = code.indexOf(mark, at + 4)) ++marks;
    assert.ok(marks > 300, `${marks} marks`);
  });
}
