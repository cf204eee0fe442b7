import { imageInspect, MockerError, vmInspect } from "../../protocol/index.ts";
import { type CommandContext, CommandFailure, defineCommand } from "../command.ts";
import type { Engine } from "../connection.ts";
import { describeError } from "../errors.ts";
import { booleanFlag, stringFlag } from "../flags.ts";
import { imageObject, vmObject } from "../inspect-object.ts";
import { ObjectFormat, objectFormatHelp } from "../list-format.ts";

const formatFlag = stringFlag("f", objectFormatHelp);

const flags = {
  format: formatFlag,
  size: booleanFlag("s", "Display total file sizes if the type is container"),
  type: stringFlag(undefined, "Only inspect objects of the given type (container, vm, image)"),
} as const;

type Inspector = (engine: Engine, name: string) => Promise<object>;

const inspectVm: Inspector = async (engine, name) => vmObject(await engine.request(vmInspect, { vm: name }));
const inspectImage = async (engine: Engine, name: string, platform?: string): Promise<object> =>
  imageObject(
    await engine.request(imageInspect, { image: name, ...(platform === undefined ? {} : { platform }) }),
  );

const byType: Readonly<Record<string, Inspector>> = {
  container: inspectVm,
  vm: inspectVm,
  image: (engine, name) => inspectImage(engine, name),
};

function isNotFound(error: unknown): boolean {
  return (
    error instanceof MockerError &&
    (error.code === "VM_NOT_FOUND" || error.code === "IMAGE_NOT_FOUND" || error.code === "INVALID_REFERENCE")
  );
}

/** A VM or else an image of that name. */
const inspectAny: Inspector = async (engine, name) => {
  try {
    return await inspectVm(engine, name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    return await inspectImage(engine, name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  throw new CommandFailure(`error: no such object: ${name}`);
};

/** Prints what is found, then the errors about the rest. */
async function inspectAll(
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
  summary: "Return low-level information on VMs and images",
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run(context) {
    const { type } = context.flags;
    const inspector = type === undefined ? inspectAny : byType[type];
    if (inspector === undefined) {
      throw new CommandFailure(`unknown type: "${type}": must be one of "container", "image", "vm"`);
    }
    return inspectAll(context, new ObjectFormat(context.flags.format), inspector);
  },
});

export const vmInspectCommand = defineCommand({
  summary: "Display detailed information on one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: { format: formatFlag, size: flags.size },
  run: (context) => inspectAll(context, new ObjectFormat(context.flags.format), inspectVm),
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
