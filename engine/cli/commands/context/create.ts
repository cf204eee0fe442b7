import { parseEndpoint } from "../../../client/endpoint.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { ContextStore, defaultContext } from "../../contexts/context-store.ts";
import { endpointOf } from "../../contexts/endpoint.ts";
import { listFlag, stringFlag } from "../../flags.ts";

const flags = {
  description: stringFlag(undefined, "Description of the context"),
  docker: listFlag(
    undefined,
    "stringToString",
    "Set the engine's endpoint: host=ssh://[USER@]HOST",
    (text) => {
      const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
      if (key === undefined || value === undefined) throw new Error(`${text} must be formatted as key=value`);
      return { key, value };
    },
  ),
  from: stringFlag(undefined, "Create context from a named context"),
} as const;

export const contextCreate = defineCommand({
  summary: "Create a context",
  usage: "[OPTIONS] CONTEXT",
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io }) {
    const [name = ""] = args;
    const store = new ContextStore(io.env);
    const unknown = flags.docker.find(({ key }) => key !== "host");
    if (unknown) throw new CommandFailure(`unrecognized config key: ${unknown.key}`);
    const given = flags.docker.at(-1)?.value;
    const source =
      flags.from === undefined || flags.from === defaultContext ? undefined : store.get(flags.from);
    const host = given ?? source?.host ?? hostNow(io.env);
    if (host !== "") parseEndpoint(host);
    store.add({ name, description: flags.description ?? source?.description ?? "", host });
    io.stdout.write(`${name}\n`);
    io.stderr.write(`Successfully created context "${name}"\n`);
    return 0;
  },
});

/** As in Docker, a context without an endpoint of its own keeps what counts now. */
function hostNow(env: Readonly<Record<string, string | undefined>>): string {
  const endpoint = endpointOf(env);
  return endpoint.kind === "own" ? "" : endpoint.url;
}
