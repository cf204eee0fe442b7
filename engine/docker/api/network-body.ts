/** Bodies and objects of the networks of Docker's API. */
import * as v from "valibot";
import type { NetworkConnectParams, NetworkCreateParams, NetworkDetails } from "../../protocol/index.ts";
import { networkObject } from "../inspect-network.ts";
import { EndpointSettings } from "./container-body.ts";
import { attachmentOf } from "./container-network.ts";
import { flag, listOf, map, text } from "./fields.ts";
import { invalid, unavailable } from "./invalid.ts";

const IpamConfig = v.object({ Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: map });

export const NetworkBody = v.object({
  Name: text,
  Driver: text,
  Scope: text,
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: v.nullish(v.object({ Network: text })),
  EnableIPv6: flag,
  IPAM: v.nullish(v.object({ Driver: text, Config: listOf(IpamConfig), Options: map })),
  Options: map,
  Labels: map,
});

/** What `network/create` is to be asked. @throws FEATURE_UNAVAILABLE, INVALID_ARGUMENT */
export function networkParams(body: v.InferOutput<typeof NetworkBody>): NetworkCreateParams {
  const { IPAM: ipam } = body;
  if (body.EnableIPv6) throw unavailable("EnableIPv6", "networks have no IPv6 yet");
  if (body.Ingress || body.ConfigOnly || body.ConfigFrom?.Network || body.Scope === "swarm")
    throw unavailable(
      `network ${body.Name}`,
      "networks of a swarm, and those made of others, are not served",
    );
  const [config, ...more] = ipam?.Config ?? [];
  if (more.length > 0)
    throw unavailable(
      "IPAM",
      `a network has one subnet here, not ${more.length + 1}: IPv6 is not supported yet`,
    );
  if (Object.keys(config?.AuxiliaryAddresses ?? {}).length > 0)
    throw unavailable("AuxiliaryAddresses", "no address of a network is kept for others than VMs");
  if (ipam && ipam.Driver !== "" && ipam.Driver !== "default")
    throw invalid(`plugin ${JSON.stringify(ipam.Driver)} not found`, "The only IPAM driver is default.");
  return {
    name: body.Name,
    internal: body.Internal,
    attachable: body.Attachable,
    labels: body.Labels,
    options: body.Options,
    ...(body.Driver === "" ? {} : { driver: body.Driver }),
    ...(config?.Subnet ? { subnet: config.Subnet } : {}),
    ...(config?.IPRange ? { ipRange: config.IPRange } : {}),
    ...(config?.Gateway ? { gateway: config.Gateway } : {}),
  };
}

export const ConnectBody = v.object({ Container: text, EndpointConfig: v.nullish(EndpointSettings) });

/** What `network/connect` is to be asked. @throws FEATURE_UNAVAILABLE, INVALID_ARGUMENT */
export function connectParams(
  network: string,
  body: v.InferOutput<typeof ConnectBody>,
): NetworkConnectParams {
  return { ...attachmentOf(network, body.EndpointConfig), vm: body.Container };
}

export const DisconnectBody = v.object({ Container: text, Force: flag });

/** Of `GET /networks/{id}`. Maps are Go's. */
export function networkAnswer(network: NetworkDetails): Record<string, unknown> {
  const { Mocker, ...object } = networkObject(network);
  return object;
}

/** One of `GET /networks`, which says nothing of who is in it. */
export function networkEntry(network: NetworkDetails): Record<string, unknown> {
  return { ...networkAnswer(network), Containers: new Map() };
}
