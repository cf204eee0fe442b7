import type { EngineClient } from "../../../client/engine-client.ts";
import { networkObject } from "../../../docker/inspect-network.ts";
import { imageObject, vmObject, volumeObject } from "../../../docker/inspect-object.ts";
import {
  imageInspect,
  MockerError,
  networkInspect,
  systemUsage,
  vmInspect,
  volumeInspect,
} from "../../../protocol/index.ts";
import { type CommandContext, CommandFailure, defineCommand } from "../../command.ts";
import { describeError } from "../../errors.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import type { Io } from "../../io.ts";
import { ObjectFormat, objectFormatHelp } from "../../output/list-format.ts";

const formatFlag = stringFlag("f", objectFormatHelp);

const flags = {
  format: formatFlag,
  size: booleanFlag("s", "Display total file sizes if the type is container"),
  type: stringFlag(
    undefined,
    "Only inspect objects of the given type (container, vm, image, network, volume)",
  ),
} as const;

type Inspector = (engine: EngineClient, name: string) => Promise<object>;

const inspectVm: Inspector = async (engine, name) => vmObject(await engine.request(vmInspect, { vm: name }));

/** With what it takes of the disk, as `system df` counts it, and with its image. */
const inspectSizedVm: Inspector = async (engine, name) => {
  const details = await engine.request(vmInspect, { vm: name });
  const { vms, images } = await engine.request0(systemUsage);
  const own = vms.find(({ vm }) => vm.id === details.id)?.diskBytes ?? 0;
  const base = images.items.find(({ image }) => image.id === details.imageId)?.image.sizeBytes ?? 0;
  return { ...vmObject(details), SizeRw: own, SizeRootFs: base + own };
};

const inspectImage = async (engine: EngineClient, name: string, platform?: string): Promise<object> =>
  imageObject(
    await engine.request(imageInspect, { image: name, ...(platform === undefined ? {} : { platform }) }),
  );

const inspectNetwork: Inspector = async (engine, network) =>
  networkObject(await engine.request(networkInspect, { network }));

const inspectVolume: Inspector = async (engine, name) =>
  volumeObject(await engine.request(volumeInspect, { name }));

/** `--size` is of VMs: of the others nothing is left out without it. */
function inspectors(
  size: boolean,
  io: Io,
): Readonly<Record<"container" | "vm" | "image" | "network" | "volume", Inspector>> {
  const vm = size ? inspectSizedVm : inspectVm;
  const image: Inspector = async (engine, name) => {
    const found = await inspectImage(engine, name);
    if (size) io.stderr.write("WARNING: --size ignored for image\n");
    return found;
  };
  return { container: vm, vm, image, network: inspectNetwork, volume: inspectVolume };
}

function isNotFound(error: unknown): boolean {
  return (
    error instanceof MockerError &&
    [
      "VM_NOT_FOUND",
      "IMAGE_NOT_FOUND",
      "INVALID_REFERENCE",
      "NETWORK_NOT_FOUND",
      "VOLUME_NOT_FOUND",
    ].includes(error.code)
  );
}

/** A VM, else an image, a network or a volume of that name: in Docker's order. */
function inspectAny({ vm, image, network, volume }: ReturnType<typeof inspectors>): Inspector {
  return async (engine, name) => {
    for (const inspector of [vm, image, network, volume]) {
      try {
        return await inspector(engine, name);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    throw new CommandFailure(`Error: No such object: ${name}`);
  };
}

/** Prints what is found, then the errors about the rest. */
export async function inspectAll(
  context: Pick<CommandContext<Record<string, never>>, "args" | "io" | "connect">,
  format: ObjectFormat,
  inspector: Inspector,
): Promise<number> {
  const engine = await context.connect();
  const objects: object[] = [];
  const errors: string[] = [];
  const fail = (error: unknown): void => {
    errors.push(error instanceof CommandFailure ? error.message : describeError(error));
  };
  for (const name of context.args) {
    try {
      objects.push(await inspector(engine, name));
    } catch (error) {
      fail(error);
    }
  }
  context.io.stdout.write(format.print(objects, fail));
  if (errors.length === 0) return 0;
  throw new CommandFailure(errors.join("\n"));
}

export const inspect = defineCommand({
  summary: "Return low-level information on VMs, images, networks and volumes",
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run(context) {
    const { type, size } = context.flags;
    const byType = inspectors(size, context.io);
    if (type !== undefined && !Object.hasOwn(byType, type)) {
      throw new CommandFailure(
        `unknown type: "${type}": must be one of "container", "image", "network", "vm", "volume"`,
      );
    }
    const inspector = type === undefined ? inspectAny(byType) : byType[type as keyof typeof byType];
    return inspectAll(context, new ObjectFormat(context.flags.format), inspector);
  },
});

export const vmInspectCommand = defineCommand({
  summary: "Display detailed information on one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: { format: formatFlag, size: flags.size },
  run: (context) =>
    inspectAll(
      context,
      new ObjectFormat(context.flags.format),
      context.flags.size ? inspectSizedVm : inspectVm,
    ),
});

export const imageInspectCommand = defineCommand({
  summary: "Display detailed information on one or more images",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: {
    format: formatFlag,
    platform: stringFlag(
      undefined,
      'Inspect a specific platform of the multi-platform image. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
  },
  run: (context) => {
    const { format, platform } = context.flags;
    return inspectAll(context, new ObjectFormat(format), (engine, name) =>
      inspectImage(engine, name, platform || undefined),
    );
  },
});

export const volumeInspectCommand = defineCommand({
  summary: "Display detailed information on one or more volumes",
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: { format: formatFlag },
  run: (context) => inspectAll(context, new ObjectFormat(context.flags.format), inspectVolume),
});
