import type { VmStopParams, VmWaitParams } from "../../../../protocol/vm.ts";
import type { VmManager } from "../../../vms/vm-manager.ts";
import type { ApiRequest } from "../api-request.ts";
import { HttpError } from "../http-error.ts";
import type { Router } from "../router.ts";
import { byId, prefixed } from "../vm-words.ts";

export interface ContainerLifeServices {
  vms: Pick<
    VmManager,
    "find" | "inspect" | "kill" | "pause" | "restart" | "start" | "stop" | "unpause" | "wait"
  >;
}

/** From a container's start to its end. */
export function addContainerLifeRoutes(router: Router, { vms }: ContainerLifeServices): void {
  router.add("POST", "/containers/{id}/start", async (request, response) => {
    const vm = request.param("id");
    const wasRunning = vms.inspect({ vm }).state === "running";
    await vms.start({ vm });
    response.empty(wasRunning ? 304 : 204);
  });

  router.add("POST", "/containers/{id}/stop", async (request, response) => {
    const params = stopParams(request);
    const wasBusy = vms.find(params.vm).busy;
    await prefixed(`cannot stop container: ${params.vm}: `, () => vms.stop(params));
    response.empty(wasBusy ? 204 : 304);
  });

  router.add("POST", "/containers/{id}/restart", async (request, response) => {
    const params = stopParams(request);
    vms.find(params.vm);
    await prefixed(`Cannot restart container ${params.vm}: `, () => vms.restart(params));
    response.empty();
  });

  router.add("POST", "/containers/{id}/kill", async (request, response) => {
    const vm = request.param("id");
    const signal = request.query.text("signal");
    await prefixed(`cannot kill container: ${vm}: `, async () => {
      await byId(vms.find(vm), () => vms.kill({ vm, signal }));
    });
    response.empty();
  });

  router.add("POST", "/containers/{id}/pause", async (request, response) => {
    const vm = vms.find(request.param("id"));
    await byId(vm, () => vms.pause({ vm: vm.id }));
    response.empty();
  });

  router.add("POST", "/containers/{id}/unpause", async (request, response) => {
    const vm = vms.find(request.param("id"));
    await byId(vm, () => vms.unpause({ vm: vm.id }));
    response.empty();
  });

  // Clients start the container only when they have the headers: the waiting has begun by then.
  router.add("POST", "/containers/{id}/wait", async (request, response) => {
    const vm = request.param("id");
    const condition = waitCondition(request.query.text("condition"));
    vms.find(vm);
    const waiting = vms.wait({ vm, condition }, request.signal);
    response.begin("application/json");
    const { exitCode } = await waiting;
    response.line({ StatusCode: exitCode });
    response.raw.end();
  });
}

function stopParams(request: ApiRequest): VmStopParams {
  const { query } = request;
  const timeoutSeconds = query.integer("t");
  const signal = query.text("signal");
  return {
    vm: request.param("id"),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** @throws HttpError in dockerd's words */
function waitCondition(text = "not-running"): NonNullable<VmWaitParams["condition"]> {
  if (text === "not-running" || text === "next-exit" || text === "removed") return text;
  throw new HttpError(400, `invalid condition: ${JSON.stringify(text)}`);
}
