import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { keepCached } from "../support/cache.ts";
import { adminPath, hashOfFiles, needPrograms, runTool, SetupError, withLock } from "../support/host.ts";
import { cacheDir, rootDir } from "../support/paths.ts";

/** Modules in the order in which they can be inserted. What the kernel has built in is left out at set-up. */
const modules = [
  ...["rng-core", "virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"],
  ...["virtio_blk", "virtio_console", "virtio-rng"],
  ...["crc16", "mbcache", "jbd2", "crc32c_generic", "libcrc32c", "ext4"],
  ...["netfs", "fscache", "9pnet", "9pnet_virtio", "9p"],
  ...["fuse", "overlay", "loop", "lz4_compress", "lz4_decompress", "erofs", "dummy"],
  ...["irqbypass", "kvm", "ccp", "kvm-amd"],
];

const programs = {
  "qemu-system-x86_64": "qemu-system-x86",
  busybox: "busybox-static",
  cpio: "cpio",
  "mkfs.ext4": "e2fsprogs",
  setpriv: "util-linux",
  flock: "util-linux",
  passt: "passt",
};

export interface LabFiles {
  kernel: string;
  initrd: string;
  /** An empty ext4 file system, sparse; copied for each boot. */
  stateTemplate: string;
}

/** Makes what a lab boots from, once per version of these scripts and cache directory. */
export async function labFiles(onProgress: (text: string) => void): Promise<LabFiles> {
  const key = hashOfFiles("test/lab/setup.ts", "test/lab/init.sh");
  const directory = join(cacheDir(), `lab-${key}`);
  const files = {
    kernel: join(directory, "vmlinuz"),
    initrd: join(directory, "initrd.gz"),
    stateTemplate: join(directory, "state.ext4"),
  };
  await needPrograms(programs);
  if (!existsSync(directory)) {
    mkdirSync(cacheDir(), { recursive: true });
    await withLock(join(cacheDir(), "locks", `lab-${key}`), async () => {
      if (existsSync(directory)) return;
      onProgress("setting up the lab: once per cache directory, about a minute");
      const work = mkdtempSync(join(cacheDir(), "setup-"));
      try {
        await build(work);
        renameSync(work, directory);
      } finally {
        rmSync(work, { recursive: true, force: true });
      }
    });
  }
  keepCached(directory);
  return files;
}

async function build(work: string): Promise<void> {
  chmodSync(work, 0o755);
  const unpacked = join(work, "unpacked");
  const initrd = join(work, "initrd");
  mkdirSync(join(initrd, "bin"), { recursive: true });
  mkdirSync(join(initrd, "modules"));

  const kernelPackage = await downloadKernel(work);
  await runTool("dpkg", ["-x", kernelPackage, unpacked]);
  rmSync(kernelPackage);
  const image = readdirSync(join(unpacked, "boot")).find((name) => name.startsWith("vmlinuz"));
  if (image === undefined) throw new SetupError(`no kernel in ${basename(kernelPackage)}`);
  copyFileSync(join(unpacked, "boot", image), join(work, "vmlinuz"));

  const present = new Map<string, string>();
  const found = await runTool("find", [join(unpacked, "lib/modules"), "-name", "*.ko*", "-type", "f"]);
  for (const path of found.trim().split("\n")) present.set(basename(path).replace(/\.ko.*$/, ""), path);
  const used = modules.filter((name) => present.has(name));
  for (const name of used) {
    const path = present.get(name) ?? "";
    const target = join(initrd, "modules", `${name}.ko`);
    if (path.endsWith(".xz")) {
      await runTool("sh", ["-c", 'xz -dc "$1" > "$2"', "sh", path, target]);
    } else {
      copyFileSync(path, target);
    }
  }
  writeFileSync(join(initrd, "modules/order"), used.join("\n"));
  rmSync(unpacked, { recursive: true });

  const busybox = (await runTool("sh", ["-c", "command -v busybox"], { env: { PATH: adminPath } })).trim();
  copyFileSync(busybox, join(initrd, "bin/busybox"));
  copyFileSync(join(rootDir(), "test/lab/init.sh"), join(initrd, "init"));
  chmodSync(join(initrd, "init"), 0o755);
  chmodSync(join(initrd, "bin/busybox"), 0o755);
  await runTool("sh", ["-c", "find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > ../initrd.gz"], {
    cwd: initrd,
    env: { ...process.env, PATH: adminPath },
  });
  rmSync(initrd, { recursive: true });

  const state = join(work, "state.ext4");
  await runTool("truncate", ["-s", "24G", state]);
  await runTool("mkfs.ext4", [
    "-q",
    "-F",
    "-E",
    "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0",
    state,
  ]);
}

/** Downloads the package that Debian's linux-image-amd64 stands for; returns its path. */
async function downloadKernel(work: string): Promise<string> {
  const find = async () => {
    const text = await runTool("apt-cache", ["depends", "linux-image-amd64"]);
    const name = /Depends: (linux-image-\S+-amd64)/.exec(text)?.[1];
    if (name === undefined) throw new SetupError("apt knows no linux-image-amd64");
    await runTool("apt-get", ["download", "-qq", name], { cwd: work });
  };
  await find().catch(async (error) => {
    if (process.getuid?.() !== 0) {
      const why = error instanceof Error ? error.message : String(error);
      throw new SetupError(`${why}\nAs root, run: apt-get update`);
    }
    await runTool("apt-get", ["update", "-qq"]);
    await find();
  });
  const file = readdirSync(work).find((name) => name.endsWith(".deb"));
  if (file === undefined) throw new SetupError("apt-get download left no package");
  return join(work, file);
}
