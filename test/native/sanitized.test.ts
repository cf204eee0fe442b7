import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { before, describe } from "node:test";
import { rootDir } from "../support/paths.ts";
import { tmpDir } from "../support/tmp-dir.ts";
import { compiled } from "./compiled.ts";
import { SanitizedProgram } from "./sanitized-program.ts";

/** What both need. */
const common = ["file", "sys-error"].map((name) => `common/${name}.cc`);

describe("native/host/core and what the agent does with files, under the sanitizers", () => {
  const libraries = join(tmpDir(), "libraries");
  const program = new SanitizedProgram("core-test");

  before(async () => {
    mkdirSync(libraries);
    const make = async (name: string, inputs: string[], ...flags: string[]) =>
      cpSync(await compiled(name, "gcc", [...flags, ...inputs], inputs), join(libraries, name));
    const shared = ["-shared", "-fPIC"];
    const fake = join(rootDir(), "test", "native", "programs", "fake-libkrun.c");
    await make("libkrun-old.so", [fake], ...shared);
    await make("libkrun-new.so", [fake], ...shared, "-DFAKE_NEW");
    await make("libkrun-broken.so", [fake], ...shared, "-DFAKE_BROKEN");
    // As far as the loader looks: an executable is a kernel image, a shared object a libkrunfw.
    await make("image", [], "-static", "-no-pie", "-nostdlib", "-Wl,-e,0", "-x", "c", "/dev/null");
    await make("libkrunfw.so.5", [], ...shared, "-Wl,-soname,libkrunfw.so.5", "-x", "c", "/dev/null");
    const core = ["krun-error", "libkrun"].map((name) => `host/core/${name}.cc`);
    const os = ["files", "peer", "process"].map((name) => `host/os/linux/${name}.cc`);
    const files = [
      ...["changes", "directory", "path-in-root", "tar-extract", "tree-archive"].map(
        (name) => `files/${name}`,
      ),
      ...["root-tree", "volume-fill"].map((name) => `rootfs/${name}`),
    ].map((name) => `guest/agent/${name}.cc`);
    await program.build([...common, ...core, ...os, ...files, "common/json.cc"], ["-ldl"]);
  });

  program.defineTests(() => {
    const scratch = tmpDir();
    for (const file of readdirSync(libraries)) cpSync(join(libraries, file), join(scratch, file));
    return scratch;
  });
});

describe("the monitor's parts under the sanitizers", () => {
  const program = new SanitizedProgram("vmm-test");

  before(async () => {
    const shared = ["clock", "frame", "json", "linux/loop", "linux/unix-socket", "out-queue"].map(
      (name) => `common/${name}.cc`,
    );
    const parts = [
      "os/linux/jail/jail",
      "os/linux/jail/jail-report",
      "os/linux/jail/landlock",
      "os/linux/jail/syscall-filter",
      "os/linux/tap",
      "vmm/cards/card-relay",
      "vmm/monitor/handshake",
      "vmm/notice",
      "vmm/records/log-writer",
      "vmm/streams/child-output",
      "vmm/streams/framed-connection",
    ].map((name) => `host/${name}.cc`);
    await program.build([...common, ...shared, ...parts], []);
  });

  program.defineTests(() => tmpDir());
});
