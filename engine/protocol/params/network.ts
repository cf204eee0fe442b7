import * as v from "valibot";
import { networkModes } from "../network.ts";
import { finiteNumber } from "./schema.ts";

/** How a VM is connected. */
export const Network = v.object({ mode: v.picklist(networkModes) });
export type Network = v.InferOutput<typeof Network>;

/** A port of the guest that is published on the host. */
export const PortBinding = v.object({
  protocol: v.picklist(["tcp", "udp"]),
  guestPort: finiteNumber,
  /** Absent: all addresses. */
  hostAddress: v.exactOptional(v.string()),
  /** Absent: one that is free. */
  hostPort: v.exactOptional(finiteNumber),
});
export type PortBinding = v.InferOutput<typeof PortBinding>;
