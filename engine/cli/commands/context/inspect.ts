import { socketPath } from "../../../common/paths.ts";
import { MockerError } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { ContextStore, defaultContext } from "../../contexts/context-store.ts";
import { contextName } from "../../contexts/endpoint.ts";
import { describeError } from "../../errors.ts";
import { stringFlag } from "../../flags.ts";
import type { Io } from "../../io.ts";
import { ObjectFormat, objectFormatHelp } from "../../output/list-format.ts";

const inMemory = "<IN MEMORY>";

function inspected(io: Io, name: string): Record<string, unknown> {
  const store = new ContextStore(io.env);
  const context = name === defaultContext ? undefined : store.get(name);
  const host = context === undefined ? io.env.MOCKER_HOST : context.host;
  return {
    Name: name,
    Metadata: context?.description ? { Description: context.description } : {},
    Endpoints: { docker: { Host: host || `unix://${socketPath(io.env)}`, SkipTLSVerify: false } },
    TLSMaterial: {},
    Storage: { MetadataPath: context === undefined ? inMemory : store.path, TLSPath: inMemory },
  };
}

export const contextInspect = defineCommand({
  summary: "Display detailed information on one or more contexts",
  usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
  arguments: { min: 0, max: Number.POSITIVE_INFINITY },
  flags: { format: stringFlag("f", objectFormatHelp) },
  async run({ args, flags, io }) {
    const format = flags.format ? new ObjectFormat(flags.format) : undefined;
    const found: Record<string, unknown>[] = [];
    const failures: string[] = [];
    for (const name of args.length > 0 ? args : [contextName(io.env)])
      try {
        found.push(inspected(io, name));
      } catch (error) {
        if (!(error instanceof MockerError)) throw error;
        failures.push(describeError(error));
      }
    io.stdout.write(
      format === undefined
        ? `${JSON.stringify(found, null, 4)}\n`
        : found.map((context) => `${format.line(context)}\n`).join(""),
    );
    for (const failure of failures) io.stderr.write(`${failure}\n`);
    return failures.length > 0 ? 1 : 0;
  },
});
