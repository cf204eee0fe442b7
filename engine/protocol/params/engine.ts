import * as v from "valibot";
import { finiteNumber } from "./schema.ts";

export const InitializeParams = v.object({
  protocolVersion: finiteNumber,
  client: v.object({ name: v.string(), version: v.string() }),
});
export type InitializeParams = v.InferOutput<typeof InitializeParams>;
