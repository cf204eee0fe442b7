import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import { build } from "esbuild";
import { runTool, SetupError } from "../support/host.ts";
import { cacheDir, rootDir } from "../support/paths.ts";
import {
  type Beat,
  encodeFrame,
  frameReader,
  type Hello,
  Kind,
  portName,
  type RunExit,
  type RunRequest,
  userSession,
} from "./channel.ts";
import { type LabFiles, labFiles } from "./setup.ts";

const bootTimeoutMs = 180_000;
const consoleTailBytes = 16 * 1024;
/** The ordinary user inside the lab; its line is added to /etc/passwd in the guest only. */
const user = { name: "mocker-lab", id: 61_000 };

/** Where that user finds the checkout, which it may not be able to reach at its own place. */
export const labUserCheckout = "/run/state/checkout";

export interface LabOptions {
  /** Directories that the guest must see even if they are in /tmp or /run, which are its own. */
  expose?: string[];
  memoryMiB?: number;
  /** Further QEMU arguments, for experiments. */
  qemuArgs?: string[];
  /** Replaces `-accel`'s value. */
  accelerator?: string;
  /** Replaces `-cpu`'s value. */
  cpu?: string;
  onProgress?: (text: string) => void;
}

export interface LabRunOptions {
  env?: Record<string, string>;
  /** Default: the checkout. */
  cwd?: string;
  /** Kills the command's process group when it is over. Default: none. */
  timeoutMs?: number;
  /** Runs it as an ordinary user, whose home and temporary directory are its own. */
  asUser?: boolean;
  onStdout?: (data: Buffer) => void;
  onStderr?: (data: Buffer) => void;
}

export interface LabResult {
  /** As a shell has it: 128 + n for signals. */
  code: number;
  stdout: Buffer;
  stderr: Buffer;
  timedOut: boolean;
}

interface Run {
  onFrame(kind: Kind, payload: Buffer): void;
  fail(error: Error): void;
}

/**
 * A QEMU guest without hardware acceleration whose own /dev/kvm works, over this machine's file system: real
 * microVMs boot in it where the machine itself cannot boot any. Its /run and /tmp are its own; HOME, TMPDIR
 * and the XDG directories are on a fresh ext4 disk.
 */
export class Lab {
  /** From the start of QEMU to the guest's first word. */
  readonly bootMs: number;
  readonly hello: Hello;
  readonly #guest: Guest;

  private constructor(guest: Guest, hello: Hello, bootMs: number) {
    this.#guest = guest;
    this.hello = hello;
    this.bootMs = bootMs;
  }

  /**
   * Boots a lab; sets it up first where that was never done. Throws with the console's tail if it does not
   * come up.
   */
  static async boot(options: LabOptions = {}): Promise<Lab> {
    const files = await labFiles(options.onProgress ?? ((text) => process.stderr.write(`${text}\n`)));
    const started = performance.now();
    const guest = await Guest.start(files, options);
    try {
      const hello = await guest.hello();
      return new Lab(guest, hello, Math.round(performance.now() - started));
    } catch (error) {
      await guest.destroy();
      throw error;
    }
  }

  /** Runs a command in the guest. Rejects only if the lab itself breaks. */
  run(argv: string[], options: LabRunOptions = {}): Promise<LabResult> {
    return this.#guest.run(argv, options);
  }

  /** The last of what the guest's kernel said. */
  consoleTail(): string {
    return this.#guest.consoleTail();
  }

  /** QEMU's process, for measurements. */
  get pid(): number {
    return this.#guest.pid;
  }

  async close(): Promise<void> {
    await this.#guest.close();
  }
}

class Guest {
  readonly #directory: string;
  readonly #qemu: ChildProcess;
  readonly #channel: Duplex;
  readonly #runs = new Map<number, Run>();
  readonly #exited: Promise<void>;
  readonly #onProcessExit = () => {
    this.#qemu.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  };
  #console = Buffer.alloc(0);
  #lastBeat: (Beat & { at: number }) | undefined;
  #nextId = 1;
  #closing = false;
  #dead: Error | undefined;

  private constructor(directory: string, qemu: ChildProcess) {
    this.#directory = directory;
    this.#qemu = qemu;
    this.#channel = qemu.stdio[3] as Duplex;
    for (const stream of [qemu.stdout, qemu.stderr]) {
      stream?.on("data", (data: Buffer) => {
        this.#console = Buffer.concat([this.#console, data]).subarray(-consoleTailBytes);
      });
    }
    this.#channel.on("error", () => {});
    this.#channel.on(
      "data",
      frameReader((kind, id, payload) => {
        if (kind === Kind.beat) {
          this.#lastBeat = { ...(JSON.parse(payload.toString()) as Beat), at: performance.now() };
        } else {
          this.#runs.get(id)?.onFrame(kind, payload);
        }
      }),
    );
    this.#exited = once(qemu, "close").then(() => {
      this.#dead = this.#error("the lab's guest ended");
      for (const run of this.#runs.values()) run.fail(this.#dead);
      this.#runs.clear();
    });
    process.once("exit", this.#onProcessExit);
  }

  static async start(files: LabFiles, options: LabOptions): Promise<Guest> {
    const runs = join(cacheDir(), "runs");
    mkdirSync(runs, { recursive: true });
    sweep(runs);
    const directory = mkdtempSync(join(runs, `${process.pid}-`));
    const shared = join(directory, "shared");
    mkdirSync(shared);
    const state = join(directory, "state.ext4");
    await runTool("cp", ["--sparse=always", "--reflink=auto", files.stateTemplate, state]);
    await build({
      entryPoints: [join(rootDir(), "test/lab/guest/main.ts")],
      outfile: join(shared, "guest.cjs"),
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      logLevel: "warning",
    });
    writeFileSync(join(shared, "boot.sh"), bootScript([rootDir(), cacheDir(), ...(options.expose ?? [])]));
    const memoryMiB = options.memoryMiB ?? Math.min(6144, Math.floor(totalmem() / 2 ** 20 / 2));
    const args = [
      ...["-accel", options.accelerator ?? "tcg,thread=multi,tb-size=1024", "-cpu", options.cpu ?? "EPYC"],
      // With two CPUs the nested hypervisor sometimes locks up for good.
      ...["-smp", "1", "-m", String(memoryMiB), "-display", "none", "-monitor", "none", "-serial", "stdio"],
      ...["-no-reboot", "-nic", "none", "-no-user-config"],
      ...["-kernel", files.kernel, "-initrd", files.initrd],
      ...["-append", "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off random.trust_cpu=on"],
      ...["-fsdev", "local,id=host,path=/,security_model=none,multidevs=remap"],
      ...["-device", "virtio-9p-pci,fsdev=host,mount_tag=host"],
      ...["-fsdev", `local,id=run,path=${qemuValue(shared)},security_model=none`],
      ...["-device", "virtio-9p-pci,fsdev=run,mount_tag=run"],
      ...["-drive", `file=${qemuValue(state)},if=virtio,format=raw,cache=unsafe,discard=unmap`],
      ...["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"],
      ...["-chardev", "socket,id=commands,fd=3", "-device", "virtio-serial-pci"],
      ...["-device", `virtserialport,chardev=commands,name=${portName}`],
      ...(options.qemuArgs ?? []),
    ];
    // The kernel kills QEMU when this process dies, however that comes about.
    // Its one CPU is what the lab's tests wait for: a run of all suites takes as long as they do.
    const first = process.getuid?.() === 0 ? ["nice", "-n", "-10"] : [];
    const qemu = spawn("setpriv", ["--pdeathsig", "KILL", ...first, "qemu-system-x86_64", ...args], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    return new Guest(directory, qemu);
  }

  get pid(): number {
    return this.#qemu.pid ?? 0;
  }

  consoleTail(): string {
    return this.#console
      .toString()
      .replace(/\x1b\[[0-9;?]*[a-zA-Z]|\x1bc|\r/g, "")
      .trim();
  }

  hello(): Promise<Hello> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(this.#error(`the lab did not come up within ${bootTimeoutMs / 1000} s`));
      }, bootTimeoutMs);
      const settle = () => {
        clearTimeout(timer);
        this.#runs.delete(0);
      };
      this.#runs.set(0, {
        onFrame: (kind, payload) => {
          if (kind !== Kind.hello) return;
          settle();
          resolve(JSON.parse(payload.toString()) as Hello);
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      });
    });
  }

  run(argv: string[], options: LabRunOptions): Promise<LabResult> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = this.#nextId++;
    const asUser = options.asUser === true;
    const request: RunRequest = {
      argv,
      cwd: options.cwd ?? (asUser ? labUserCheckout : rootDir()),
      env: { ...guestEnvironment(asUser), ...options.env },
      uid: asUser ? user.id : 0,
      gid: asUser ? user.id : 0,
    };
    return new Promise((resolve, reject) => {
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      let timedOut = false;
      let timer: NodeJS.Timeout | undefined;
      const onTimeout = () => {
        if (timedOut) {
          // The guest did not even report the kill: it hangs.
          this.#qemu.kill("SIGKILL");
          return;
        }
        timedOut = true;
        this.#channel.write(encodeFrame(Kind.kill, id, "SIGKILL"));
        timer = setTimeout(onTimeout, 60_000);
      };
      if (options.timeoutMs !== undefined) timer = setTimeout(onTimeout, options.timeoutMs);
      this.#runs.set(id, {
        onFrame: (kind, payload) => {
          if (kind === Kind.stdout) {
            if (options.onStdout) options.onStdout(payload);
            else stdout.push(Buffer.from(payload));
          } else if (kind === Kind.stderr) {
            if (options.onStderr) options.onStderr(payload);
            else stderr.push(Buffer.from(payload));
          } else if (kind === Kind.exit) {
            clearTimeout(timer);
            this.#runs.delete(id);
            const { code } = JSON.parse(payload.toString()) as RunExit;
            resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), timedOut });
          }
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#channel.write(encodeFrame(Kind.run, id, request));
    });
  }

  /** Powers the guest off. */
  async close(): Promise<void> {
    if (this.#closing) return this.#exited;
    this.#closing = true;
    this.#channel.write(encodeFrame(Kind.powerOff, 0));
    const timer = setTimeout(() => this.#qemu.kill("SIGKILL"), 20_000);
    await this.#exited;
    clearTimeout(timer);
    this.#cleanUp();
  }

  async destroy(): Promise<void> {
    this.#qemu.kill("SIGKILL");
    await this.#exited;
    this.#cleanUp();
  }

  #cleanUp(): void {
    process.off("exit", this.#onProcessExit);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #error(what: string): Error {
    const beat = this.#lastBeat;
    const seen =
      beat === undefined
        ? "It never reported."
        : `Its last report came ${Math.round((performance.now() - beat.at) / 1000)} s ago: ` +
          `up ${Math.round(beat.uptimeSeconds)} s, load ${beat.load.toFixed(1)}, ${beat.freeMiB} MiB free.`;
    const tail = this.consoleTail();
    return new SetupError(`${what}. ${seen}\n--- its console ---\n${tail === "" ? "(nothing)" : tail}\n---`);
  }
}

/** QEMU's option parser takes a comma as the end of a value. */
function qemuValue(text: string): string {
  return text.replaceAll(",", ",,");
}

/** Environment of commands in the guest; nothing of the host's but the language. */
function guestEnvironment(asUser: boolean): Record<string, string> {
  const home = asUser ? "/run/state/user" : "/run/state/root";
  return {
    PATH: `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: `${home}/home`,
    USER: asUser ? user.name : "root",
    TMPDIR: `${home}/tmp`,
    XDG_RUNTIME_DIR: `${home}/run`,
    XDG_DATA_HOME: `${home}/data`,
    TERM: "dumb",
    LANG: "C.UTF-8",
    MOCKER_LAB: "1",
    MOCKER_BOOT_TIMEOUT_MS: "240000",
    MOCKER_AGENT_TIMEOUT_MS: "240000",
    MOCKER_CACHE_DIR: asUser ? "/run/state/cache" : cacheDir(),
    MOCKER_TEST_ROOT: asUser ? labUserCheckout : rootDir(),
  };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Runs as the guest's PID 1. It must not exec: it reaps what daemons leave behind, as Node would not. */
function bootScript(needed: string[]): string {
  const hidden = [...new Set(needed.map((directory) => realpathSync(directory)))].filter((directory) =>
    /^\/(tmp|run)\//.test(directory),
  );
  const environment = Object.entries(guestEnvironment(false))
    .map(([name, value]) => `export ${name}=${quote(value)}`)
    .join("\n");
  return `
busybox() { /run/busybox "$@"; }
alias mount='busybox mount' mkdir='busybox mkdir' ip='busybox ip'
mount -t tmpfs -o mode=1777 tmp /tmp
for directory in ${hidden.map(quote).join(" ")}; do
  mkdir -p "$directory"
  mount --bind "/run/host$directory" "$directory"
done
busybox umount /run/host
ip link set lo up
chmod 666 /dev/kvm /dev/fuse 2>/dev/null
mkdir -p /run/lock /run/user
for who in root user; do
  mkdir -p /run/state/$who
  for name in home tmp run data; do mkdir -m 700 -p /run/state/$who/$name; done
done
busybox chown -R ${user.id}:${user.id} /run/state/user
# An ordinary user may not be able to reach the checkout and the cache where they are.
mkdir -p ${labUserCheckout} /run/state/cache
mount --bind ${quote(realpathSync(rootDir()))} ${labUserCheckout}
mount --bind ${quote(realpathSync(cacheDir()))} /run/state/cache
# The user exists in the guest only: the host's files stay as they are.
for file in passwd group subuid subgid; do
  [ -f /etc/$file ] || continue
  busybox cp /etc/$file /run/$file
  case $file in
    passwd) echo ${user.name}:x:${user.id}:${user.id}::/run/state/user/home:/bin/sh ;;
    group) echo ${user.name}:x:${user.id}: ;;
    *) echo ${user.name}:3000000:65536 ;;
  esac >>/run/$file
  mount --bind /run/$file /etc/$file
done
# A part of the cgroups is the user's, as systemd delegates it; commands start in its session (guest/main.ts).
session=${userSession}
mkdir -p $session
for cgroup in /sys/fs/cgroup "\${session%/*}"; do echo +memory +pids +cpu >"$cgroup/cgroup.subtree_control"; done
for file in . cgroup.procs cgroup.subtree_control; do busybox chown ${user.id}:${user.id} "\${session%/*}/$file"; done
busybox hostname mocker-lab
${environment}
cd ${quote(rootDir())}
${quote(process.execPath)} /run/lab/guest.cjs
busybox sync
echo o >/proc/sysrq-trigger
while :; do busybox sleep 1; done
`;
}

/** Removes what runs left that were killed. */
function sweep(runs: string): void {
  for (const name of readdirSync(runs)) {
    const pid = Number.parseInt(name, 10);
    let alive = false;
    try {
      alive = readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("node");
    } catch {
      // No such process.
    }
    if (!alive) rmSync(join(runs, name), { recursive: true, force: true });
  }
}
