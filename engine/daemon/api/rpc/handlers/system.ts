import { SystemCheckParams } from "../../../../protocol/params/system.ts";
import { type CheckProgress, systemCheck, systemUsage } from "../../../../protocol/system.ts";
import type { SystemService } from "../../../system/system-service.ts";
import type { RpcConnection } from "../rpc-connection.ts";

export interface SystemServices {
  system: Pick<SystemService, "usage" | "check">;
}

/** What concerns images and VMs alike. */
export function bindSystem(rpc: RpcConnection, { system }: SystemServices): void {
  rpc.handle0(systemUsage, () => system.usage());
  rpc.handle(systemCheck, SystemCheckParams, ({ progressToken, ...request }, signal) => {
    const report = rpc.progress<CheckProgress>(progressToken);
    return system.check(request, { signal, onSubject: (subject) => report({ subject }) });
  });
}
