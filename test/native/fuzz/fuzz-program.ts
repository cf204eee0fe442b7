import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootDir } from "../../support/paths.ts";
import { programs, SanitizedProgram } from "../sanitized-program.ts";

const corpus = join(rootDir(), "test", "native", "fuzz", "corpus");

const common = [
  ...["clock", "file", "frame", "json", "out-queue", "sys-error"],
  ...["linux/loop", "linux/unix-socket"],
].map((name) => `common/${name}.cc`);
const agent = [
  ...[
    "files/directory",
    "net/interfaces",
    "process/id-map",
    "process/process-request",
    "process/rlimits",
    "process/user",
  ],
  ...["etc-files", "mount", "root-file-system", "root-tree", "volume-fill", "volumes"].map(
    (name) => `rootfs/${name}`,
  ),
].map((name) => `guest/agent/${name}.cc`);
const monitor = [
  ...["monitor/control-relay", "monitor/guest-messages", "monitor/guest-token", "monitor/handshake"],
  ...["notice", "records/records", "spec"],
  ...["streams/attach-client", "streams/exec-stream", "streams/framed-connection"],
  ...["streams/guest-stream", "streams/input-queue"],
].map((name) => `host/vmm/${name}.cc`);

/** The targets' names: each has its directory of inputs to begin with. */
export function fuzzTargets(): string[] {
  return readdirSync(corpus).sort();
}

/** What of the monitor and the guest agent is fuzzed, built with the sanitizers: programs/fuzz-targets.cc. */
export class FuzzProgram {
  readonly #program = new SanitizedProgram("fuzz-driver");

  async build(): Promise<void> {
    const targets = join(programs, "fuzz-targets.cc");
    await this.#program.build([targets, ...common, ...agent, ...monitor, "host/os/linux/process.cc"], []);
  }

  /** The names of the targets as the program has them. */
  targets(): string[] {
    return spawnSync(this.#program.executable, ["list"], { encoding: "utf8" }).stdout.trim().split("\n");
  }

  /**
   * Gives a target inputs for some seconds.
   * @returns how many they were
   * @throws Error with what was not handled as it should be, and where the input is
   */
  run(target: string, seconds: number, seed: number): string {
    const directory = mkdtempSync(join(tmpdir(), "mocker-fuzz-"));
    const failed = join(directory, target);
    const args = [target, String(seconds), String(seed), join(corpus, target), failed];
    const { status, stdout, stderr, error } = spawnSync(this.#program.executable, args, { encoding: "utf8" });
    if (status === 0) {
      rmSync(directory, { recursive: true });
      return stdout.trim();
    }
    const why = error?.message ?? stderr.slice(0, 6000);
    throw new Error(`${target}, seed ${seed}: the input is in ${failed}\n${why}`);
  }
}
