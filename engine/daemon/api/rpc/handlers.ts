import { statSync } from "node:fs";
import {
  type CancellationToken,
  type GenericRequestHandler,
  type MessageConnection,
  type ProgressToken,
  ProgressType,
  type RequestType,
  type RequestType0,
  ResponseError,
} from "vscode-jsonrpc/node";
import { parsePruneTime } from "../../../docker/times.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { PullProgress } from "../../../protocol/image.ts";
import * as protocol from "../../../protocol/index.ts";
import type { Engine } from "../../engine.ts";
import * as registryLogin from "../../images/registry/login.ts";
import { inspectManifest } from "../../images/registry/manifest-inspect.ts";
import { listTags } from "../../images/registry/registry.ts";
import { search } from "../../images/registry/search.ts";
import { type OnBytes, remoteFile } from "../../images/sources/remote-file.ts";
import { translateNoSpace } from "../../images/store/no-space.ts";
import { openCopySource } from "../../system/copy-from.ts";
import { checkSystem, systemUsage } from "../../system/store-report.ts";

const pullProgress = new ProgressType<PullProgress>();
const checkProgress = new ProgressType<protocol.CheckProgress>();
const pushProgress = new ProgressType<protocol.PushProgress>();

/** Binds one client's connection to the engine: requests in, results, progress and events out. */
export function bindConnection(connection: MessageConnection, engine: Engine): void {
  const { images, vms, streams, log } = engine;

  const handle = <P, R>(
    { method }: RequestType<P, R, protocol.ErrorData> | RequestType0<R, protocol.ErrorData>,
    handler: (params: P, signal: AbortSignal) => Promise<R> | R,
  ): void => {
    const untyped = async (
      params: P,
      // A request without parameters comes with its token only.
      token = params as CancellationToken,
    ): Promise<R | ResponseError<protocol.ErrorData>> => {
      try {
        return await handler(params, abortSignal(token));
      } catch (error) {
        return responseError(error, method, engine);
      }
    };
    connection.onRequest(method, untyped as GenericRequestHandler<R, protocol.ErrorData>);
  };
  /** Tells the client how a request of its goes on, if it has asked for that. */
  const progress =
    <T>(type: ProgressType<T>, token: ProgressToken | undefined) =>
    (value: T): void => {
      if (token !== undefined) connection.sendProgress(type, token, value).catch(() => undefined);
    };

  handle(protocol.initialize, ({ protocolVersion, client }) => {
    if (protocolVersion !== protocol.protocolVersion) {
      throw new MockerError(
        "INVALID_ARGUMENT",
        `the engine speaks protocol version ${protocol.protocolVersion}, this client version ${protocolVersion}`,
        { hint: "Update Mocker, or end the running engine so that the right one starts." },
      );
    }
    log.debug("client.connected", { client: client.name, version: client.version });
    return {
      protocolVersion: protocol.protocolVersion,
      engine: { version: engine.version, pid: process.pid },
      capabilities: {},
    };
  });
  handle(protocol.shutdown, () => null);
  connection.onNotification(protocol.exit, () => engine.stop("asked to"));
  handle(protocol.engineInfo, () => engine.info());
  handle(protocol.engineDoctor, () => engine.doctor());

  handle(protocol.imagePull, (params, signal) =>
    images.pull(params, { signal, onProgress: progress(pullProgress, params.progressToken) }),
  );
  handle(protocol.imagePush, (params, signal) =>
    images.push(params, { signal, onProgress: progress(pushProgress, params.progressToken) }),
  );
  handle(protocol.registryTags, (params, signal) => listTags(params, engine.registry, signal));
  handle(protocol.registryLogin, (params, signal) => registryLogin.login(params, engine.registry, signal));
  handle(protocol.registryLoginName, (params) => registryLogin.loginName(params.server, params.dockerConfig));
  handle(protocol.registryLogout, (params) => registryLogin.logout(params.server, params.dockerConfig));
  handle(protocol.imageSearch, (params, signal) => search(params, engine.registry, signal));
  handle(protocol.manifestInspect, (params, signal) => inspectManifest(params, engine.registry, signal));
  handle(protocol.imageList, ({ filters }) => images.list(filters ?? {}));
  handle(protocol.imageInspect, ({ image, platform }) => images.get(image, platform));
  handle(protocol.imageRemove, ({ image, force, platform }) =>
    images.remove(image, {
      force: force ?? false,
      platform,
      inUse: (imageId) => vms.usersOf(imageId),
    }),
  );
  handle(protocol.imageTag, async ({ source, target }) => {
    await images.tag(source, target);
    return null;
  });
  handle(protocol.streamUpload, () => engine.uploads.begin());
  handle(protocol.imageSave, ({ images: names, platform }) => {
    const archive = images.save(names, platform);
    return { stream: streams.offer((socket) => engine.send(archive, socket)) };
  });
  handle(protocol.imageLoad, ({ upload, file, name, platform, progressToken }, signal) => {
    const options = { platform, signal, onProgress: progress(pullProgress, progressToken) };
    if (file) return images.load({ path: seenFile(file) }, options);
    return engine.uploads.take(upload ?? "", signal, (chunks) => images.load({ name, chunks }, options));
  });
  handle(protocol.imageImport, async ({ upload, source, progressToken, ...params }, signal) => {
    const report = progress(pullProgress, progressToken);
    const onBytes: OnBytes = (bytes) => report({ layer: "", status: "downloading", ...bytes });
    const take = (chunks: AsyncIterable<Buffer>): Promise<string> =>
      images.import(chunks, source, params, { signal });
    const id = await (upload === undefined
      ? take(remoteFile(source, engine.registry, signal, onBytes))
      : engine.uploads.take(upload, signal, take));
    return { id };
  });
  handle(protocol.imageHistory, ({ image, platform }) => images.history(image, platform));
  handle(protocol.imagePrune, ({ all, filters }) =>
    images.prune({
      all: all ?? false,
      filters: filters ?? {},
      inUse: (imageId) => vms.usersOf(imageId),
      parseTime: (text) => parsePruneTime(text, Date.now()),
    }),
  );

  handle(protocol.systemUsage, () => systemUsage(images, vms));
  handle(protocol.systemCheck, ({ deep, repair, progressToken }, signal) => {
    const report = progress(checkProgress, progressToken);
    return checkSystem(images, vms, {
      deep: deep ?? false,
      repair: repair ?? false,
      signal,
      onSubject: (subject) => report({ subject }),
    });
  });

  handle(protocol.vmCreate, (params) => vms.create(params));
  handle(protocol.vmStart, (params) => vms.start(params));
  handle(protocol.vmStop, (params) => vms.stop(params));
  handle(protocol.vmKill, (params) => vms.kill(params));
  handle(protocol.vmRemove, (params) => vms.remove(params));
  handle(protocol.vmList, (params) => vms.list(params));
  handle(protocol.vmInspect, (params) => vms.inspect(params));
  handle(protocol.vmWait, (params) => vms.wait(params));
  handle(protocol.vmAttach, async (params) => {
    const { attachment, tty } = await vms.attach(params);
    return { stream: streams.offer((socket) => attachment.claim(socket)), tty };
  });
  handle(protocol.vmResize, async (params) => {
    await vms.resize(params);
    return null;
  });
  handle(protocol.vmLogs, (params) => {
    const { log, tty } = vms.logs(params);
    return { stream: streams.offer((socket) => log.send(socket)), tty };
  });
  handle(protocol.vmExec, async (params) => {
    const { execId, attachment } = await vms.exec(params);
    return {
      execId,
      ...(attachment ? { stream: streams.offer((socket) => attachment.claim(socket)) } : {}),
    };
  });
  handle(protocol.vmExport, async (params) => {
    const attachment = await vms.export(params);
    return { stream: streams.offer((socket) => attachment.claim(socket)) };
  });
  handle(protocol.copyFrom, async ({ source: text, followLink }) => {
    const source = await openCopySource(text, followLink ?? false, engine);
    const stream = streams.offer((socket) =>
      "chunks" in source ? engine.send(source.chunks, socket) : source.attachment.claim(socket),
    );
    return { stream, name: source.name, path: source.path };
  });
  handle(protocol.execResize, async (params) => {
    await vms.execResize(params);
    return null;
  });
  handle(protocol.execSignal, async (params) => {
    await vms.execSignal(params);
    return null;
  });

  const subscriptions = [
    vms.onDidChange((change) =>
      connection.sendNotification(protocol.vmDidChange, change).catch(() => undefined),
    ),
    images.onDidChange((change) =>
      connection.sendNotification(protocol.imageDidChange, change).catch(() => undefined),
    ),
  ];
  connection.onClose(() => {
    for (const subscription of subscriptions) subscription.dispose();
  });
}

/** The client's file, if that is the file that we see. */
function seenFile({ path, device, inode }: protocol.SharedFile): string {
  const seen = statSync(path, { throwIfNoEntry: false });
  if (seen?.isFile() && seen.dev === device && seen.ino === inode) return path;
  throw new MockerError("INVALID_ARGUMENT", `the engine does not see the file ${path}`, {
    details: { unseen: true },
  });
}

function abortSignal(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}

/** Errors made for users pass as they are; anything else is a bug: it goes to the log, and its text to the user. */
function responseError(thrown: unknown, method: string, engine: Engine): ResponseError<protocol.ErrorData> {
  const error = translateNoSpace(thrown);
  if (error instanceof MockerError) {
    engine.log.debug("request.failed", { method, code: error.code, message: error.message });
    return new ResponseError(protocol.jsonRpcCode(error.code), error.message, error.toData());
  }
  const cause = error instanceof Error ? error : new Error(String(error));
  if (cause.name === "AbortError") {
    return new ResponseError(protocol.jsonRpcCode("CANCELLED"), "cancelled", { code: "CANCELLED" });
  }
  engine.log.error("request.error", cause, { method });
  const hint = `Details are in ${engine.log.path}.`;
  return new ResponseError(protocol.jsonRpcCode("INTERNAL"), protocol.scrub(cause.message), {
    code: "INTERNAL",
    hint,
  });
}
