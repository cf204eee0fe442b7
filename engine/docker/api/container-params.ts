/** From the body that creates a container to the VM that is asked for. */
import type { Healthcheck, RestartPolicy, VmCreateParams } from "../../protocol/vm.ts";
import { parseVolumesFrom } from "../mount.ts";
import { parseRestartPolicy } from "../run-options/restart-policy.ts";
import type { ContainerBody, HealthcheckBody, RestartPolicyBody } from "./container-body.ts";
import { guestOptions, refuseImpossible, runtimeOf, sizeParams } from "./container-limits.ts";
import { mountsOf } from "./container-mounts.ts";
import { networkParams } from "./container-network.ts";
import { invalid } from "./invalid.ts";

/**
 * What `vm/create` is to be asked; `warnings` are lines for the user. What a VM makes needless is accepted.
 * @throws INVALID_ARGUMENT, MOUNT_INVALID in dockerd's words; FEATURE_UNAVAILABLE for what it cannot have
 */
export function containerParams(
  body: ContainerBody,
  { name, platform }: { name: string | undefined; platform: string | undefined },
): { params: VmCreateParams; warnings: string[] } {
  const { HostConfig: host } = body;
  if (body.Image === "") throw invalid("no image specified");
  refuseImpossible(host);
  const size = sizeParams(host);
  const mounts = mountsOf(body);
  for (const text of host.VolumesFrom) parseVolumesFrom(text);
  const runtime = runtimeOf(host);
  const guest = guestOptions(host);
  const restart = restartPolicy(host.RestartPolicy);
  const { LogConfig: log } = host;
  const hasLog = log && (log.Type !== "" || Object.keys(log.Config).length > 0);
  const params: VmCreateParams = {
    image: body.Image,
    tty: body.Tty,
    openStdin: body.OpenStdin,
    ...(body.StdinOnce ? { stdinOnce: true } : {}),
    autoRemove: host.AutoRemove,
    ...(name === undefined ? {} : { name }),
    ...(platform === undefined ? {} : { platform }),
    ...(body.Cmd && body.Cmd.length > 0 ? { command: body.Cmd } : {}),
    ...(body.Entrypoint ? { entrypoint: body.Entrypoint } : {}),
    ...(body.Env.length > 0 ? { env: body.Env } : {}),
    ...(body.WorkingDir === "" ? {} : { workingDir: body.WorkingDir }),
    ...(body.User === "" ? {} : { user: body.User }),
    ...(body.Hostname === "" ? {} : { hostname: body.Hostname }),
    ...(mounts.length > 0 ? { mounts } : {}),
    ...(host.VolumesFrom.length > 0 ? { volumesFrom: host.VolumesFrom } : {}),
    ...size.params,
    ...(runtime === undefined ? {} : { runtime }),
    ...networkParams(body),
    ...(Object.keys(guest).length > 0 ? { guest } : {}),
    ...(Object.keys(host.Annotations).length > 0 ? { annotations: host.Annotations } : {}),
    ...(restart === undefined || restart.name === "no" ? {} : { restart }),
    ...(body.Healthcheck ? { healthcheck: healthcheck(body.Healthcheck) } : {}),
    ...(Object.keys(body.Labels).length > 0 ? { labels: body.Labels } : {}),
    ...(host.SecurityOpt.length > 0 ? { securityOpt: host.SecurityOpt } : {}),
    ...(hasLog ? { log: { driver: log.Type, options: log.Config } } : {}),
    ...(body.StopSignal === "" ? {} : { stopSignal: body.StopSignal }),
    ...(typeof body.StopTimeout === "number" ? { stopTimeoutSeconds: body.StopTimeout } : {}),
  };
  return { params, warnings: size.warnings };
}

/** @throws INVALID_ARGUMENT in dockerd's words */
export function restartPolicy(body: RestartPolicyBody | null | undefined): RestartPolicy | undefined {
  if (!body) return undefined;
  const { Name: name, MaximumRetryCount: count } = body;
  return parseRestartPolicy(count === 0 ? name : `${name || "no"}:${count}`);
}

function healthcheck(body: HealthcheckBody): Healthcheck {
  const ms = (nanoseconds: number): number => nanoseconds / 1e6;
  return {
    ...(body.Test.length > 0 ? { test: body.Test } : {}),
    ...(body.Interval === 0 ? {} : { intervalMs: ms(body.Interval) }),
    ...(body.Timeout === 0 ? {} : { timeoutMs: ms(body.Timeout) }),
    ...(body.StartPeriod === 0 ? {} : { startPeriodMs: ms(body.StartPeriod) }),
    ...(body.StartInterval === 0 ? {} : { startIntervalMs: ms(body.StartInterval) }),
    ...(body.Retries === 0 ? {} : { retries: body.Retries }),
  };
}
