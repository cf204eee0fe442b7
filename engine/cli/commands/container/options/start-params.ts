import type { EngineClient } from "../../../../client/engine-client.ts";
import { type VmDetails, type VmStartParams, vmInspect } from "../../../../protocol/index.ts";
import type { Io } from "../../../io.ts";
import { secretValues } from "./secret-env.ts";

/** What starts a VM: with the values of its secrets that our environment has. */
export function startParams({ id, config }: VmDetails, { env }: Io): VmStartParams {
  const values = secretValues(config.secretEnv, env);
  return { vm: id, ...(Object.keys(values).length > 0 ? { secretValues: values } : {}) };
}

/** The same for one that is only named. Throws MockerError. */
export async function startParamsOf(engine: EngineClient, vm: string, io: Io): Promise<VmStartParams> {
  return startParams(await engine.request(vmInspect, { vm }), io);
}
