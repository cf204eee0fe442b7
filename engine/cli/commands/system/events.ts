import { randomUUID } from "node:crypto";
import { eventFields, eventJson, eventLine } from "../../../docker/events/event-text.ts";
import { toJson } from "../../../docker/go-json.ts";
import { type EventMessage, type EventsParams, engineEvents } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { filterFlag, filtersOf } from "../../filters.ts";
import { stringFlag } from "../../flags.ts";
import { objectFormatHelp } from "../../output/list-format.ts";
import { Template } from "../../template/template.ts";
import { TemplateError } from "../../template/template-error.ts";
import { interruptible } from "../../terminal/interruptible.ts";

const flags = {
  filter: filterFlag(),
  format: stringFlag(undefined, objectFormatHelp),
  since: stringFlag(undefined, "Show all events created since timestamp"),
  until: stringFlag(undefined, "Stream events until this timestamp"),
} as const;

const none: EventMessage = { timeNs: "0", type: "container", action: "", id: "", attributes: {} };

export const events = defineCommand({
  summary: "Get real time events from the server",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const lineOf = formatter(flags.format);
    const engine = await connect();
    const params: EventsParams = { progressToken: randomUUID(), filters: filtersOf(flags.filter) };
    if (flags.since) params.since = flags.since;
    if (flags.until) params.until = flags.until;
    const forget = engine.onProgress<EventMessage>(params.progressToken, (event) => {
      io.stdout.write(`${lineOf(event)}\n`);
    });
    try {
      await interruptible(io, (signal) => engine.request(engineEvents, params, { signal }));
      return 0;
    } finally {
      forget();
    }
  },
});

/** @throws CommandFailure with Docker's status 64 for a bad template */
function formatter(format: string | undefined): (event: EventMessage) => string {
  if (format === undefined || format === "") return eventLine;
  if (format === "json") return eventJson;
  try {
    const template = new Template(format);
    const lineOf = (event: EventMessage): string => {
      const fields = eventFields(event);
      const json = (value: unknown): string => (value === fields ? eventJson(event) : toJson(value ?? null));
      return template.execute(fields, { typeName: "*events.Message", functions: { json } });
    };
    lineOf(none);
    return lineOf;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CommandFailure(`Error parsing format: ${error.message}`, 64);
  }
}
