import { vmCommit, vmDiff } from "../../../../protocol/changes.ts";
import { VmCommitParams, VmDiffParams } from "../../../../protocol/params/changes.ts";
import type { Commits } from "../../../system/commits.ts";
import type { RpcConnection } from "../rpc-connection.ts";

export interface ChangeServices {
  commits: Pick<Commits, "commit" | "diff">;
}

/** Docker's `diff` and `commit`. */
export function bindChanges(rpc: RpcConnection, { commits }: ChangeServices): void {
  rpc.handle(vmDiff, VmDiffParams, async ({ vm }, signal) => ({ changes: await commits.diff(vm, signal) }));
  rpc.handle(vmCommit, VmCommitParams, async (params, signal) => ({
    id: await commits.commit(params, signal),
  }));
}
