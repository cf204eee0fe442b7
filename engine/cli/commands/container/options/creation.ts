/** Creates the VM of `run` and `create`, pulling its image if it is not there. */
import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { createVm } from "../../../../client/create-vm.ts";
import { familiarReference, parseReference } from "../../../../docker/reference.ts";
import { MockerError, type VmCreateParams } from "../../../../protocol/index.ts";
import { type CommandContext, CommandFailure } from "../../../command.ts";
import { withHelp } from "../../../errors.ts";
import { pullImage } from "../../image/pull-image.ts";
import { type createFlags, createParams, type PullPolicy, pullPolicy } from "./create-flags.ts";

type CreateContext = CommandContext<typeof createFlags>;

export interface Creation {
  params: VmCreateParams;
  warnings: string[];
  pull: PullPolicy;
}

/** What Docker's client leaves to its daemon to find, and Mocker's finds itself. */
const daemonsMistake =
  /^invalid (?:mode|mount path|specification|volume specification|restart policy): |^invalid specification|^CPU cfs |, see usage$/;

/**
 * Checks all that can be checked without the engine. `attached` are the streams that the creator attaches to.
 * @throws CommandFailure with Docker's status 125; MockerError
 */
export function prepareCreation(
  context: CreateContext,
  verb: string,
  attached: ReadonlySet<string>,
): Creation {
  const { cidfile } = context.flags;
  try {
    const pull = pullPolicy(context.flags.pull);
    if (cidfile && existsSync(cidfile)) {
      throw new Error(
        `container ID file found, make sure the other container isn't running or delete ${cidfile}`,
      );
    }
    return { ...createParams(context.flags, context.given, context.args, attached, context.io), pull };
  } catch (error) {
    // Docker's `create` tells what its daemon finds as all verbs do, its `run` as what it finds itself.
    if (verb === "create" && error instanceof MockerError && daemonsMistake.test(error.message)) throw error;
    throw new CommandFailure(withHelp(error, verb), 125);
  }
}

/** Resolves to the VM's ID. Throws MockerError. */
export async function runCreation(context: CreateContext, creation: Creation): Promise<string> {
  const { io, flags } = context;
  const { params } = creation;
  const engine = await context.connect(params.secretEnv?.map(({ name }) => name));
  const pull = async (): Promise<void> => {
    const { platform } = flags;
    await pullImage(
      engine,
      io,
      { reference: params.image, ...(platform ? { platform } : {}) },
      // stdout is the workload's.
      flags.quiet ? undefined : io.stderr,
    );
  };
  if (creation.pull === "always") await pull();
  const created = await createVm(engine, params, {
    async pull() {
      if (creation.pull !== "missing") return false;
      // What is no reference is not looked for either: the pull says what is wrong with it.
      if (!flags.quiet && isReference(params.image)) {
        io.stderr.write(`Unable to find image '${familiarReference(params.image)}' locally\n`);
      }
      await pull();
      return true;
    },
  });
  for (const warning of [...creation.warnings, ...created.warnings]) io.stderr.write(`WARNING: ${warning}\n`);
  if (flags.cidfile) {
    const fd = openSync(flags.cidfile, "wx", 0o644);
    writeSync(fd, created.id);
    closeSync(fd);
  }
  return created.id;
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}
