import type { RunningProcess } from "../support/running-process.ts";
import { commandOf, type ExpectedVm, exitCode, type Workload } from "./expected-vm.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { World } from "./world.ts";

/**
 * A command that takes longer hangs. Far more than any takes, beside a process that is stopped for a while.
 */
const commandLimitMs = 60_000;
/** What no user may see. */
const unseemly =
  /^ +at .+:\d+:\d+\)?$|\bINTERNAL\b|\binternal error\b|\[object |\bundefined\b|Unhandled|TypeError/m;

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
  /** It was killed, or cut off from its engine: what it did is not known. */
  isUnknown: boolean;
}

/** Runs commands on VMs of its own, one after the other, and keeps what must be true of these. */
export class Worker {
  readonly vms = new Map<string, ExpectedVm>();
  /** The command that runs, for those who kill it. */
  client: RunningProcess | undefined;
  readonly #world: World;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #prefix: string;
  readonly #image: string;
  #made = 0;
  commands = 0;

  constructor(world: World, random: Random, trace: Trace, prefix: string, image: string) {
    this.#world = world;
    this.#random = random;
    this.#trace = trace;
    this.#prefix = prefix;
    this.#image = image;
  }

  /** One random command. @throws Error for one that hangs, or says what no user may see */
  async step(): Promise<void> {
    const known = [...this.vms.values()].filter(({ exists }) => exists !== "no");
    const isMaking = known.length === 0 || (known.length < 3 && this.#random.next() < 0.4);
    if (isMaking) return await this.#make();
    const vm = known[this.#random.between(0, known.length - 1)];
    if (vm) await this.#act(vm);
  }

  async #make(): Promise<void> {
    const how = this.#random.pick({ run: 6, create: 1, foreground: 2, missing: 1 });
    const workload: Workload = how === "run" ? this.#random.pick({ sleep: 4, count: 3, exit: 3 }) : "exit";
    const name = `${this.#prefix}${++this.#made}`;
    const vm: ExpectedVm = {
      name,
      workload,
      exists: "maybe",
      runs: "unknown",
      harmed: false,
      ended: false,
      unrecorded: this.#world.isFull,
      counted: 0,
    };
    this.vms.set(name, vm);
    const net = this.#random.pick({ bridge: 3, none: 2 });
    const named = ["--name", name, "--network", net, this.#image];
    switch (how) {
      case "foreground": {
        const ended = await this.#run(["run", "--rm", ...named, ...commandOf(workload)]);
        // One that was harmed on the way may end with anything, and be gone only once the engine knows.
        if (ended.code === exitCode) vm.exists = "no";
        return;
      }
      case "missing": {
        const failed = await this.#run(["run", "-d", ...named, "/no/such/program"]);
        if (failed.code === 127) vm.runs = "no";
        return;
      }
      case "create": {
        const created = await this.#run(["create", ...named, ...commandOf(workload)]);
        if (created.code === 0) Object.assign(vm, { exists: "yes", runs: "no" });
        return;
      }
      case "run": {
        const run = await this.#run(["run", "-d", ...named, ...commandOf(workload)]);
        if (run.code !== 0) return;
        vm.exists = "yes";
        if (workload !== "exit" && !vm.harmed) vm.runs = "yes";
      }
    }
  }

  async #act(vm: ExpectedVm): Promise<void> {
    const { name } = vm;
    switch (
      this.#random.pick({ exec: 4, logs: 3, stop: 2, kill: 1, start: 3, rm: 2, force: 2, inspect: 1 })
    ) {
      case "exec": {
        const before = vm.runs === "yes" && vm.exists === "yes" && !vm.harmed;
        const said = await this.#run(["exec", name, "echo", "still here"]);
        if (said.code === 0 && said.stdout !== "still here\n")
          throw new Error(`exec in ${name} has lost its output: ${JSON.stringify(said.stdout)}`);
        if (before && !vm.harmed && said.code !== 0 && !said.isUnknown && !this.#trace.isDisturbed)
          throw new Error(`exec in ${name}, which runs: ${said.code}, ${said.stderr}`);
        return;
      }
      case "logs": {
        const { stdout, stderr, code } = await this.#run(["logs", name]);
        if (code === 0) checkCount(vm, stdout, stderr);
        return;
      }
      case "stop":
      case "kill": {
        const verb = this.#random.pick({ stop: 2, kill: 1 });
        const before = vm.runs;
        vm.runs = "unknown";
        vm.ended = true;
        const ended = await this.#run(verb === "stop" ? ["stop", "-t", "0", name] : ["kill", name]);
        if (ended.code === 0) vm.runs = verb === "stop" ? "no" : "unknown";
        else if (before === "no" && !ended.isUnknown) vm.runs = "no";
        return;
      }
      case "start": {
        if (vm.runs === "yes") return;
        const { harmed } = vm;
        Object.assign(vm, { runs: "unknown", harmed: false, counted: 0 });
        const started = await this.#run(["start", name]);
        if (started.code === 0 && harmed && this.#trace.isDisturbed) {
          // Its monitor may be stopped, and nobody know yet that the run before is over.
          vm.harmed = true;
        } else if (started.code === 0) {
          if (vm.workload !== "exit" && !vm.harmed && !vm.ended) vm.runs = "yes";
        } else if (harmed) {
          // It may not even have begun: what was true of the run before still is.
          vm.harmed = true;
        }
        return;
      }
      case "rm":
      case "force": {
        const { exists, runs, ended } = vm;
        // One that is cut off may have killed it and no more.
        Object.assign(vm, { exists: "maybe", runs: "unknown", ended: true });
        const removed = await this.#run(this.#random.next() < 0.5 ? ["rm", "-f", name] : ["rm", name]);
        if (removed.code === 0) vm.exists = "no";
        else if (/cannot remove container .* container is running/.test(removed.stderr))
          Object.assign(vm, { exists, ended, runs: vm.harmed ? "unknown" : runs });
        return;
      }
      case "inspect": {
        const found = await this.#run(["inspect", name]);
        if (found.code === 0) JSON.parse(found.stdout);
      }
    }
  }

  /** Runs a command, which must end in time whatever is done to it. */
  async #run(args: string[]): Promise<Outcome> {
    this.commands++;
    this.#trace.say(`mocker ${args.join(" ")}`);
    const client = this.#world.mocker.start(args);
    this.client = client;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(this.#world.mocker.failure(args, `no end after ${commandLimitMs} ms`, client));
        client.kill();
      }, commandLimitMs);
    });
    try {
      const { code, stdout, stderr } = await Promise.race([client.exited, late]);
      this.#trace.say(`${args.slice(0, 4).join(" ")}: ${code} ${stderr.trim().split("\n")[0] ?? ""}`);
      if (unseemly.test(stderr))
        throw this.#world.mocker.failure(args, "says what no user may see", { stdout, stderr });
      const isCutOff = /engine|connection/.test(stderr);
      return { code, stdout: stdout.toString(), stderr, isUnknown: code === 137 || isCutOff };
    } finally {
      clearTimeout(timer);
      this.client = undefined;
    }
  }
}

/**
 * Logs of a count: each start begins at 1, and no number is missing, nor any that was there before; but for
 * what the log says did not find room on a full disk.
 */
export function checkCount(vm: ExpectedVm, stdout: string, stderr: string): void {
  if (vm.workload !== "count" || stdout === "") return;
  let last = 0;
  const lines = stdout.trimEnd().split("\n");
  for (const [index, line] of lines.entries()) {
    const number = Number(line);
    const isGap = number > last && /bytes of output are missing here/.test(stderr);
    if (number !== last + 1 && number !== 1 && !isGap) {
      const around = JSON.stringify(lines.slice(Math.max(0, index - 2), index + 4));
      throw new Error(`logs of ${vm.name}: ${JSON.stringify(line)} after ${last}, in ${around}`);
    }
    last = number;
  }
  if (last < vm.counted) throw new Error(`logs of ${vm.name} end at ${last}, and have been at ${vm.counted}`);
  vm.counted = last;
}
