import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../support/paths.ts";

// The monitor's logic is the same on every system: what only Linux has is below a `linux` directory, behind
// headers that say nothing of it.

const native = join(rootDir(), "native");
const portable = ["common", "host/vmm", "host/os"].flatMap((room) =>
  readdirSync(join(native, room), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(?:cc|h)$/.test(name) && !name.startsWith("linux/"))
    .map((name) => `${room}/${name}`),
);

/** Those of POSIX.1-2008 and of the BSDs that Linux and macOS both have. */
const systemHeaders =
  "arpa/inet.h fcntl.h poll.h sys/file.h sys/resource.h sys/socket.h sys/stat.h sys/types.h sys/uio.h sys/wait.h unistd.h";

/** Calls, flags and files of Linux's own that hide in such headers. */
const linuxOnly =
  /\b(?:EPOLL\w*|accept4|pipe2|prctl|signalfd|pidfd_\w+|eventfd|timerfd|syscall|SOCK_(?:CLOEXEC|NONBLOCK)|SO_(?:DOMAIN|PEERCRED)|MSG_CMSG_CLOEXEC|O_PATH|CLONE_\w+|sigabbrev_np)\b|"\/proc\//;

test("the monitor and what the programs share include no header of Linux's own", () => {
  const known = new Set(systemHeaders.split(" "));
  for (const path of portable) {
    const text = readFileSync(join(native, path), "utf8");
    for (const [, header = ""] of text.matchAll(/^#include <([^>]+)>/gm)) {
      // The C++ library's have no suffix.
      const fine = !header.includes(".") || known.has(header) || header === "nlohmann/json.hpp";
      assert.ok(fine, `${path} includes <${header}>`);
    }
    for (const [, header = ""] of text.matchAll(/^#include "([^"]+)"/gm)) {
      assert.doesNotMatch(header, /(?:^|\/)linux\//, path);
    }
  }
});

test("nor do they name its calls", () => {
  for (const path of portable) {
    const code = readFileSync(join(native, path), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    assert.doesNotMatch(code, linuxOnly, path);
  }
});
