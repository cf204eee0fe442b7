import { setTimeout as sleep } from "node:timers/promises";
import type { EngineClient } from "../../../../client/engine-client.ts";
import { unlessAborted } from "../../../../common/abort.ts";
import { type ErrorCode, MockerError, vmList } from "../../../../protocol/index.ts";
import { defineCommand } from "../../../command.ts";
import { describeError } from "../../../errors.ts";
import { booleanFlag, stringFlag } from "../../../flags.ts";
import type { Io } from "../../../io.ts";
import { ListFormat, listFormatHelp } from "../../../output/list-format.ts";
import { type StatsEntry, statsView } from "../../../output/stats-view.ts";
import { VmSampler } from "../../../output/vm-sampler.ts";
import { interruptible } from "../../../terminal/interruptible.ts";

const flags = {
  all: booleanFlag("a", "Show all containers (default shows just running)"),
  format: stringFlag(undefined, listFormatHelp),
  "no-stream": booleanFlag(undefined, "Disable streaming stats and only pull the first result"),
  "no-trunc": booleanFlag(undefined, "Do not truncate output"),
} as const;

/** How often the table is drawn, and the list of VMs read again. */
const drawMs = 500;

export const stats = defineCommand({
  summary: "Display a live stream of container(s) resource usage statistics",
  usage: "[OPTIONS] [CONTAINER...]",
  arguments: { min: 0, max: Number.POSITIVE_INFINITY },
  flags,
  async run({ args, flags, io, connect }) {
    const format = new ListFormat(statsView(!flags["no-trunc"]), flags.format);
    const engine = await connect();
    return await interruptible(io, async (signal) => {
      const samplers = new Map<string, VmSampler>();
      const follow = (vms: readonly string[]): void => {
        for (const vm of samplers.keys()) {
          if (vms.includes(vm)) continue;
          samplers.get(vm)?.close();
          samplers.delete(vm);
        }
        for (const vm of vms) if (!samplers.has(vm)) samplers.set(vm, new VmSampler(engine, vm));
      };
      try {
        follow(args.length > 0 ? args : await idsOf(engine, flags.all));
        await unlessAborted(Promise.all([...samplers.values()].map(({ first }) => first)), signal);
        if (args.length > 0 && failures(samplers.values(), io)) return 1;
        if (flags["no-stream"]) {
          io.stdout.write(format.print(entries(samplers.values())));
          return 0;
        }
        const screen = new Screen(io);
        for (;;) {
          screen.draw(format.print(entries(samplers.values())));
          await sleep(drawMs, undefined, { signal });
          for (const { error } of samplers.values()) if (hasCode(error, "ENGINE_UNREACHABLE")) throw error;
          if (args.length === 0) follow(await idsOf(engine, flags.all));
        }
      } finally {
        for (const sampler of samplers.values()) sampler.close();
      }
    });
  },
});

async function idsOf(engine: EngineClient, all: boolean): Promise<string[]> {
  const vms = await engine.request(vmList, { all });
  return vms.filter(({ state }) => state !== "dead").map(({ id }) => id);
}

function entries(samplers: Iterable<VmSampler>): StatsEntry[] {
  // What was removed leaves the list a moment later.
  return [...samplers]
    .filter(({ error }) => !hasCode(error, "VM_NOT_FOUND"))
    .map((sampler) => sampler.entry());
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof MockerError && error.code === code;
}

/** Says which there are not; one whose guest does not answer just now is there. */
function failures(samplers: Iterable<VmSampler>, io: Io): boolean {
  let failed = false;
  for (const { error } of samplers) {
    if (error === undefined || hasCode(error, "AGENT_UNREACHABLE")) continue;
    io.stderr.write(`${describeError(error)}\n`);
    failed = true;
  }
  return failed;
}

/** A table that is drawn over the last one, where there is a terminal. */
class Screen {
  readonly #io: Io;
  #isFirst = true;

  constructor(io: Io) {
    this.#io = io;
  }

  draw(text: string): void {
    const { stdout } = this.#io;
    if (stdout.isTTY !== true) {
      stdout.write(text);
      return;
    }
    // Each line clears what the longer one before has left of itself, the last one all below.
    const lines = text.replace(/\n$/, "").replaceAll("\n", "\x1b[K\n");
    stdout.write(`${this.#isFirst ? "\x1b[2J" : ""}\x1b[H${lines}\x1b[K\n\x1b[J`);
    this.#isFirst = false;
  }
}
