/** Docker's way to create: ask, and pull the image only if the engine does not have it. */
import type { RequestType } from "vscode-jsonrpc/node.js";
import {
  type ErrorData,
  MockerError,
  type VmCreateParams,
  type VmCreateResult,
  vmCreate,
} from "../protocol/index.ts";

/** Any connection to the engine. */
interface Requests {
  request<P, R>(type: RequestType<P, R, ErrorData>, params: P): Promise<R>;
}

/** What to do before the VM is asked for again, once each. False, or none: the failure stands. */
export interface CreateRemedies {
  /** The image is not there, or not for the platform: pulls it. */
  pull?(): Promise<boolean>;
  /** Another VM has the name: frees it. */
  freeName?(): Promise<boolean>;
}

/** Throws MockerError. */
export async function createVm(
  engine: Requests,
  params: VmCreateParams,
  remedies: CreateRemedies,
): Promise<VmCreateResult> {
  const left = { ...remedies };
  for (;;) {
    try {
      return await engine.request(vmCreate, params);
    } catch (error) {
      const remedy = remedyFor(error);
      const attempt = remedy === undefined ? undefined : left[remedy];
      if (remedy === undefined || attempt === undefined || !(await attempt())) throw error;
      delete left[remedy];
    }
  }
}

function remedyFor(error: unknown): keyof CreateRemedies | undefined {
  if (!(error instanceof MockerError)) return undefined;
  if (error.code === "IMAGE_NOT_FOUND" || error.code === "NO_MATCHING_PLATFORM") return "pull";
  return error.code === "VM_NAME_IN_USE" ? "freeName" : undefined;
}
