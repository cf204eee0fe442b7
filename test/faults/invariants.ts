import { readFileSync } from "node:fs";
import { join } from "node:path";
import { retry } from "../support/retry.ts";
import type { ExpectedVm } from "./expected-vm.ts";
import { exitCode } from "./expected-vm.ts";
import { checkCount, type Worker } from "./worker.ts";
import { namesIn, type World } from "./world.ts";

interface Listed {
  id: string;
  name: string;
  status: string;
}

/** How long things may take to come to order once nothing disturbs them any more. */
const settleMs = 30_000;

/**
 * What is true whenever nothing is under way, whatever was killed before: nothing that was acknowledged is
 * lost, what is listed is as it is said to be and does what it is told, and nothing is left of what has
 * ended.
 * @throws Error with what is not so
 */
export async function checkInvariants(world: World, workers: readonly Worker[]): Promise<void> {
  const expected = new Map(workers.flatMap(({ vms }) => [...vms]));
  await retry(async () => checkList(expected, await list(world)), {
    timeoutMs: settleMs,
    what: "a right list",
  });
  const listed = await list(world);
  for (const { name, status } of listed) {
    const vm = expected.get(name);
    if (!vm) continue;
    // What is not known stays so: the engine may still be at what a client asked for that was killed.
    if (status.startsWith("Up")) await answers(world, vm);
    if (vm.workload === "count" && !status.startsWith("Created")) {
      const { stdout, stderr } = await world.mocker.run(["logs", name]);
      checkCount(vm, stdout.toString(), stderr);
    }
  }
  for (const [name, vm] of expected) if (!listed.some((one) => one.name === name)) vm.exists = "no";
  for (const worker of workers)
    for (const [name, { exists }] of worker.vms) if (exists === "no") worker.vms.delete(name);
  // It tries again to erase what could not be, for want of descriptors say.
  const check = await world.mocker.run(["system", "check"]);
  if (check.code !== 0) throw world.mocker.failure(["system", "check"], `exit code ${check.code}`, check);
  await retry(async () => checkRemains(world, await list(world)), {
    timeoutMs: settleMs,
    what: "nothing left",
  });
}

async function list(world: World): Promise<Listed[]> {
  const lines = await world.mocker.ok([
    "ps",
    "-a",
    "--no-trunc",
    "--format",
    "{{.ID}}\t{{.Names}}\t{{.Status}}",
  ]);
  return lines
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [id = "", name = "", status = ""] = line.split("\t");
      return { id, name, status };
    });
}

function checkList(expected: ReadonlyMap<string, ExpectedVm>, listed: readonly Listed[]): true {
  const names = listed.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`${twice} is listed twice`);
  const stranger = names.find((name) => !expected.has(name));
  if (stranger !== undefined) throw new Error(`${stranger} is listed, and was removed or never made`);
  for (const vm of expected.values()) {
    const found = listed.find(({ name }) => name === vm.name);
    if (vm.exists === "yes" && !found) throw new Error(`${vm.name} is lost`);
    if (vm.exists === "no" && found) throw new Error(`${vm.name} was removed, and is listed`);
    if (found) checkStatus(vm, found.status);
  }
  return true;
}

function checkStatus(vm: ExpectedVm, status: string): void {
  const wrong = (why: string): Error => new Error(`${vm.name} (${vm.workload}) is "${status}": ${why}`);
  const isUp = status.startsWith("Up");
  if (vm.runs === "yes" && !isUp) throw wrong("it was started, and nothing has ended it");
  if (vm.runs === "no" && isUp) throw wrong("it has ended or was never started");
  if (vm.workload === "exit" && isUp) throw wrong("its workload ends at once");
  const exited = /^Exited \((\d+)\)/.exec(status);
  if (!exited && !isUp && !/^(Created|Failed)/.test(status)) throw wrong("no such status");
  if (!exited) return;
  const code = Number(exited[1]);
  const allowed =
    vm.workload === "exit"
      ? [exitCode, 127, ...(vm.harmed || vm.ended ? [137, 143] : vm.unrecorded ? [137] : [])]
      : [137, 143];
  if (!allowed.includes(code)) throw wrong(`its exit code can only be ${allowed.join(" or ")}`);
}

async function answers(world: World, { name }: ExpectedVm): Promise<void> {
  await retry(
    async () => {
      const said = await world.mocker.run(["exec", name, "echo", "here"]);
      if (said.stdout.toString() === "here\n") return true;
      // It may just have ended: what has killed it is seen a moment later.
      const [one] = (await list(world)).filter((vm) => vm.name === name);
      if (one && !one.status.startsWith("Up")) return true;
      throw world.mocker.failure(["exec", name], `no answer from a VM that is up (${said.code})`, said);
    },
    { timeoutMs: settleMs, what: `an answer from ${name}` },
  );
}

/** Processes and directories are those of the VMs there are. */
function checkRemains(world: World, listed: readonly Listed[]): true {
  const running = new Set(listed.filter(({ status }) => status.startsWith("Up")).map(({ id }) => id));
  const monitors = [...world.monitors().keys()];
  const stray = monitors.find((id) => !running.has(id));
  if (stray !== undefined) throw new Error(`a monitor runs for ${stray}, which does not`);
  if (monitors.length !== running.size)
    throw new Error(`${running.size} VMs are up, with ${monitors.length} monitors`);
  const ids = new Set(listed.map(({ id }) => id));
  const state = namesIn(join(world.mocker.dataDir, "state")).filter((id) => !ids.has(id));
  if (state.length > 0) throw new Error(`state is left of ${state.join(", ")}`);
  const short = [...running].map((id) => id.slice(0, 12));
  const sockets = namesIn(join(world.mocker.runDir, "vm")).filter(
    (name) => !short.some((id) => name.startsWith(id)),
  );
  if (sockets.length > 0) throw new Error(`directories for sockets are left: ${sockets.join(", ")}`);
  return true;
}

/** Its pid and its command line. */
function describeProcess(pid: number): string {
  try {
    return `${pid} (${readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim()})`;
  } catch {
    return `${pid}`;
  }
}

/** Removes everything, after which nothing is left but an idle engine. */
export async function checkEnd(world: World, workers: readonly Worker[]): Promise<void> {
  const names = workers.flatMap(({ vms }) => [...vms.keys()]);
  if (names.length > 0) await world.mocker.ok(["rm", "-f", ...names]);
  for (const { vms } of workers) vms.clear();
  await checkInvariants(world, workers);
  await retry(
    () => {
      const left = world.mocker.processes().filter((pid) => pid !== world.enginePid());
      if (left.length > 0) throw new Error(`processes are left: ${left.map(describeProcess).join(", ")}`);
      return true;
    },
    { timeoutMs: settleMs, what: "the end of all processes" },
  );
}
