import type { VmStopParams, VmWaitParams } from "../../../../protocol/vm.ts";
import type { VmManager } from "../../../vms/vm-manager.ts";
import type { ApiRequest } from "../api-request.ts";
import { HttpError } from "../http-error.ts";
import type { Router } from "../router.ts";

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
    await vms.stop(params);
    response.empty(wasBusy ? 204 : 304);
  });

  router.add("POST", "/containers/{id}/restart", async (request, response) => {
    await vms.restart(stopParams(request));
    response.empty();
  });

  router.add("POST", "/containers/{id}/kill", async (request, response) => {
    await vms.kill({ vm: request.param("id"), signal: request.query.text("signal") });
    response.empty();
  });

  router.add("POST", "/containers/{id}/pause", async (request, response) => {
    await vms.pause({ vm: request.param("id") });
    response.empty();
  });

  router.add("POST", "/containers/{id}/unpause", async (request, response) => {
    await vms.unpause({ vm: request.param("id") });
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
