import { socketPath } from "../../../common/paths.ts";
import { defineCommand } from "../../command.ts";
import { type Context, ContextStore, defaultContext } from "../../contexts/context-store.ts";
import { contextName } from "../../contexts/endpoint.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { ListFormat, type ListView, listFormatHelp, quietFormat } from "../../output/list-format.ts";

const flags = {
  format: stringFlag(undefined, listFormatHelp),
  quiet: booleanFlag("q", "Only show context names"),
} as const;

function view(current: string): ListView<Context & { error: string }> {
  return {
    typeName: "*formatter.clientContextContext",
    defaultTable: "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}",
    headers: {
      Current: "",
      Description: "DESCRIPTION",
      DockerEndpoint: "DOCKER ENDPOINT",
      Error: "ERROR",
      Name: "NAME",
    },
    row: ({ name, description, host, error }) => ({
      Current: name === current,
      Description: description,
      DockerEndpoint: host,
      Error: error,
      Name: name,
    }),
  };
}

export const contextLs = defineCommand({
  summary: "List contexts",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io }) {
    const { env } = io;
    const current = contextName(env);
    const own = `unix://${socketPath(env)}`;
    const stored = new ContextStore(env)
      .list()
      .map(({ host, ...context }) => ({ ...context, host: host || own }));
    const first: Context = {
      name: defaultContext,
      description: "Current MOCKER_HOST based configuration",
      host: env.MOCKER_HOST || own,
    };
    const rows = [first, ...stored].map((context) => ({ ...context, error: "" }));
    if (!rows.some(({ name }) => name === current))
      rows.push({ name: current, description: "", host: "", error: "context not found" });
    const format = new ListFormat(
      view(current),
      flags.quiet && !flags.format ? "{{.Name}}" : quietFormat(false, flags.format),
    );
    io.stdout.write(format.print(rows.sort((a, b) => (a.name < b.name ? -1 : 1))));
    if (env.MOCKER_HOST && !flags.quiet) io.stderr.write(overridden(`To use a context`));
    return 0;
  },
});

/** Docker's warning, of our variable. */
export function overridden(wanted: string): string {
  return `Warning: MOCKER_HOST environment variable overrides the active context. ${wanted}, either set the global --context flag, or unset MOCKER_HOST environment variable.\n`;
}
