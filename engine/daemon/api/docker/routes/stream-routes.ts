import { once } from "node:events";
import type { VmManager } from "../../../vms/vm-manager.ts";
import type { ApiRequest } from "../api-request.ts";
import { hijack, hijackWebSocket, streamType } from "../hijack/hijack.ts";
import { OutputFrames, type OutputOptions } from "../hijack/output-frames.ts";
import type { RawClient, RawClientOptions } from "../hijack/raw-client.ts";
import { webSocketHead } from "../hijack/web-socket.ts";
import { HttpError } from "../http-error.ts";
import type { Query } from "../query.ts";
import type { Router } from "../router.ts";
import { detachKeys, terminalSize } from "../terminal-query.ts";

export interface StreamRouteServices {
  vms: Pick<VmManager, "attach" | "find" | "logs" | "publish" | "resize">;
}

/** What main processes write and read. */
export function addStreamRoutes(router: Router, { vms }: StreamRouteServices): void {
  const attach = async (
    request: ApiRequest,
    take: (options: RawClientOptions) => RawClient,
  ): Promise<void> => {
    const { query } = request;
    const vm = vms.find(request.param("id"));
    const { tty } = vm.config;
    const keys = detachKeys(query.text("detachKeys"));
    const stdin = query.flag("stdin");
    await request.skipBody();
    const attached = query.flag("stream") ? await vms.attach({ vm: vm.id, stdin }) : undefined;
    const until = String(Date.now() / 1000);
    const past = query.flag("logs") ? await vms.logs({ vm: vm.id, until }) : undefined;
    const client = take({
      ...outputs(query),
      raw: tty,
      stdin: stdin && attached !== undefined,
      ...(tty ? { detachKeys: keys, onDetach: () => vms.publish(vm.id, "detach") } : {}),
    });
    if (past) await sendPast(past.log, client);
    if (attached) attached.attachment.claim(client);
    else client.end();
  };

  router.add("POST", "/containers/{id}/attach", (request, response) =>
    attach(request, (options) => hijack(request, response, options)),
  );

  router.add("GET", "/containers/{id}/attach/ws", (request, response) => {
    const head = webSocketHead(request);
    return attach(request, (options) => hijackWebSocket(response, head, options));
  });

  router.add("POST", "/containers/{id}/resize", async (request, response) => {
    const size = terminalSize(request.query);
    const vm = vms.find(request.param("id"));
    // As dockerd, which says nothing of a process without a terminal.
    if (vm.config.tty) await vms.resize({ vm: vm.id, ...size });
    else vm.requireMachine();
    response.empty(200);
  });

  router.add("GET", "/containers/{id}/logs", async (request, response) => {
    const { query } = request;
    const { stdout, stderr } = outputs(query);
    if (!stdout && !stderr) throw new HttpError(400, "Bad parameters: you must choose at least one stream");
    const since = logTime("since", query.text("since"));
    const until = logTime("until", query.text("until"));
    const tail = tailLines(query.text("tail"));
    const { log, tty } = await vms.logs({
      vm: request.param("id"),
      follow: query.flag("follow"),
      timestamps: query.flag("timestamps"),
      ...(tail === undefined ? {} : { tail }),
      ...(since === undefined || since <= 0 ? {} : { since: String(since) }),
      ...(until === undefined || until === 0 ? {} : { until: String(until) }),
    });
    response.begin(streamType(request, tty));
    // Times before the epoch are before all that was ever written.
    const frames = until !== undefined && until < 0 ? [] : log.frames(request.signal);
    await response.bytes("", outputOf(frames, { raw: tty, stdout, stderr }));
  });
}

function outputs(query: Query): Omit<OutputOptions, "raw"> {
  return { stdout: query.flag("stdout"), stderr: query.flag("stderr") };
}

/** Unix seconds, with a fraction or without. @throws HttpError in dockerd's words */
function logTime(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^-?\d{1,15}(\.\d{1,9})?$/.test(text)) return Number(text);
  throw new HttpError(
    400,
    `invalid value for "${name}": strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

/** As dockerd reads it: all lines for what is no number, and for one below zero. */
function tailLines(text: string | undefined): number | undefined {
  return text !== undefined && /^\+?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

async function* outputOf(
  frames: AsyncIterable<Buffer> | Iterable<Buffer>,
  options: OutputOptions,
): AsyncGenerator<Buffer> {
  const output = new OutputFrames(options);
  for await (const chunk of frames) yield* output.push(chunk);
}

/** What there is of a log, before what comes live. */
async function sendPast(
  log: { frames(signal: AbortSignal): AsyncIterable<Buffer> },
  client: RawClient,
): Promise<void> {
  const gone = new AbortController();
  client.once("close", () => gone.abort());
  for await (const frames of log.frames(gone.signal)) {
    if (!client.write(frames) && !gone.signal.aborted)
      await Promise.race([once(client, "drain"), once(gone.signal, "abort")]);
    if (gone.signal.aborted) return;
  }
}
