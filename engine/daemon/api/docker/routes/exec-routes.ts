import * as v from "valibot";
import { execObject } from "../../../../docker/api/exec-object.ts";
import { flag, list, text } from "../../../../docker/api/fields.ts";
import { MockerError } from "../../../../protocol/errors.ts";
import type { VmManager } from "../../../vms/vm-manager.ts";
import { hijack } from "../hijack/hijack.ts";
import { HttpError } from "../http-error.ts";
import type { Router } from "../router.ts";
import { detachKeys, terminalSize } from "../terminal-query.ts";

export interface ExecRouteServices {
  vms: Pick<
    VmManager,
    "checkUser" | "createExec" | "execResize" | "find" | "inspectExec" | "publish" | "startExec"
  >;
}

/** How long a start may take that a resize waits for. */
const startMs = 10_000;

/** Height and width. */
const ConsoleSize = v.nullish(v.tuple([v.number(), v.number()]));

const Create = v.object({
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  Cmd: list,
  ConsoleSize,
  DetachKeys: text,
  Env: list,
  Privileged: flag,
  Tty: flag,
  User: text,
  WorkingDir: text,
});

const Start = v.object({ Detach: flag, Tty: flag, ConsoleSize });

/** Processes in running VMs beside their main ones. */
export function addExecRoutes(router: Router, { vms }: ExecRouteServices): void {
  router.add("POST", "/containers/{id}/exec", async (request, response) => {
    const body = await request.json(Create);
    if (body.Cmd.length === 0) throw new HttpError(400, "No exec command specified");
    const vm = vms.find(request.param("id"));
    detachKeys(body.DetachKeys);
    // Nobody could be told of it later but in the stream.
    if (body.User !== "") await vms.checkUser({ vm: vm.id, user: body.User }, request.signal);
    const { exec } = await vms.createExec({
      vm: vm.id,
      command: body.Cmd,
      env: body.Env,
      ...(body.User === "" ? {} : { user: body.User }),
      ...(body.WorkingDir === "" ? {} : { workingDir: body.WorkingDir }),
      ...(body.Privileged ? { privileged: true } : {}),
      tty: body.Tty,
      openStdin: body.AttachStdin,
      ...sizeOf(body.ConsoleSize),
      attach: { stdout: body.AttachStdout, stderr: body.AttachStderr, detachKeys: body.DetachKeys },
    });
    response.json({ Id: exec.id }, 201);
  });

  const start: VmManager["startExec"] = (params) =>
    vms.startExec(params).catch((error) => {
      throw runtimeWords(error);
    });

  router.add("POST", "/exec/{id}/start", async (request, response) => {
    const execId = request.param("id");
    const { Detach, Tty, ConsoleSize } = await request.json(Start);
    const { config, exited } = vms.inspectExec({ execId });
    const vm = vms.find(config.vmId);
    // What is not so here is told in the stream.
    vm.requireAwake("exec");
    const size = Tty ? sizeOf(ConsoleSize) : undefined;
    const {
      stdout,
      stderr,
      detachKeys: keys,
    } = config.attach ?? { stdout: true, stderr: true, detachKeys: "" };
    if (Detach) {
      await start({ execId, detach: true, size });
      response.empty(200);
      return;
    }
    const { stdin, tty } = config.process;
    const client = hijack(request, response, {
      raw: Tty,
      stdout,
      stderr,
      stdin,
      ended: exited,
      ...(tty
        ? {
            detachKeys: detachKeys(keys),
            onDetach: () => vms.publish(vm.id, "exec_detach", { execID: execId }),
          }
        : {}),
    });
    const isAttached = stdin || stdout || stderr;
    const attachment = await start({ execId, detach: !isAttached, size });
    if (attachment) attachment.claim(client);
    else client.end();
  });

  router.add("POST", "/exec/{id}/resize", async (request, response) => {
    const exec = vms.inspectExec({ execId: request.param("id") });
    const size = terminalSize(request.query);
    // A client asks for it as soon as it has the stream.
    const late = new Promise((resolve) => setTimeout(resolve, startMs).unref());
    await Promise.race([exec.settled, late]);
    if (exec.state !== "running")
      throw new HttpError(404, `NotFound: process does not exist ${exec.id}: not found`);
    await vms.execResize({ vm: exec.config.vmId, execId: exec.id, ...size });
    response.empty(200);
  });

  router.add("GET", "/exec/{id}/json", (request, response) => {
    response.json(execObject(vms.inspectExec({ execId: request.param("id") })));
  });
}

function sizeOf(
  size: readonly [number, number] | null | undefined,
): { rows: number; columns: number } | undefined {
  const [rows = 0, columns = 0] = size ?? [];
  return rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

/** A command that cannot be run, in the words of runc, which clients look for. */
function runtimeWords(error: unknown): unknown {
  if (!(error instanceof MockerError) || !/^COMMAND_/.test(error.code)) return error;
  const failed = "OCI runtime exec failed: exec failed: unable to start container process";
  return new MockerError(error.code, `${failed}: ${error.message}: unknown`, { cause: error });
}
