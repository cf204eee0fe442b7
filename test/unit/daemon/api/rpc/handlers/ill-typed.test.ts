import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { before, test } from "node:test";
import * as v from "valibot";
import { RequestType, RequestType0 } from "vscode-jsonrpc";
import { bindConnection, type RpcServices } from "../../../../../../engine/daemon/api/rpc/bind-connection.ts";
import { defaultLimits } from "../../../../../../engine/daemon/api/rpc/message-decoder.ts";
import { RpcConnection } from "../../../../../../engine/daemon/api/rpc/rpc-connection.ts";
import { StreamServer } from "../../../../../../engine/daemon/api/rpc/stream-server.ts";
import { Streams } from "../../../../../../engine/daemon/api/rpc/streams.ts";
import { Uploads } from "../../../../../../engine/daemon/api/rpc/uploads.ts";
import { Log } from "../../../../../../engine/daemon/log.ts";
import type { ErrorData } from "../../../../../../engine/protocol/errors.ts";
import * as protocol from "../../../../../../engine/protocol/index.ts";
import { afterFile } from "../../../../../support/after-file.ts";
import { tmpDir } from "../../../../../support/tmp-dir.ts";
import { RpcClient } from "../rpc-client.ts";

/** Keeps what each request is declared with. */
class Recorder extends RpcConnection {
  readonly schemas = new Map<string, v.GenericSchema>();
  readonly withoutParams: string[] = [];

  override handle<P, R>(
    type: RequestType<P, R, ErrorData>,
    schema: v.GenericSchema<unknown, P>,
    handler: (params: P, signal: AbortSignal) => Promise<R> | R,
  ): void {
    this.schemas.set(type.method, schema);
    super.handle(type, schema, handler);
  }

  override handle0<R>(
    type: RequestType0<R, ErrorData>,
    handler: (signal: AbortSignal) => Promise<R> | R,
  ): void {
    this.withoutParams.push(type.method);
    super.handle0(type, handler);
  }
}

const reached = "a service was called";

/** Services each of whose methods fails. */
function failing<T extends object>(): T {
  const fail = (): never => {
    throw new Error(reached);
  };
  const get = (_: T, name: string | symbol): unknown =>
    name === "onDidChange" ? () => ({ dispose: () => undefined }) : fail;
  return new Proxy({} as T, { get });
}

const log = new Log(join(tmpDir(), "engine.jsonl"), "error");
const streams = new Streams();
const services: RpcServices = {
  engine: { version: "1.2.3", stop: () => undefined },
  events: failing(),
  images: failing(),
  networks: failing(),
  registry: failing(),
  vms: failing(),
  volumes: failing(),
  system: failing(),
  checkpoints: failing(),
  commits: failing(),
  copies: failing(),
  streams: new StreamServer(streams, log),
  uploads: new Uploads(streams),
};

let client: RpcClient;
let recorder: Recorder;

const path = join(tmpDir(), "socket");
const server = createServer((socket) => {
  recorder = new Recorder(socket, log, defaultLimits);
  bindConnection(recorder, services);
  recorder.listen();
});
afterFile(() => void server.close());

before(async () => {
  server.listen(path);
  await once(server, "listening");
  client = await RpcClient.initialized(path);
});

/** The schema without what is around it: `exactOptional`, `pipe`. */
function bare(schema: v.GenericSchema): v.GenericSchema {
  return "wrapped" in schema ? bare(schema.wrapped as v.GenericSchema) : schema;
}

function entriesOf(schema: v.GenericSchema): [string, v.GenericSchema][] {
  return "entries" in schema ? Object.entries(schema.entries as Record<string, v.GenericSchema>) : [];
}

/** A value that the schema takes, with every member that it may have. */
function sampleOf(schema: v.GenericSchema): unknown {
  const { type } = bare(schema);
  const samples = ["x", true, 1, [], {}, "auto", "tcp", "removed", "always", { mode: "none" }];
  if (type !== "object") return samples.find((value) => v.is(schema, value));
  return Object.fromEntries(entriesOf(bare(schema)).map(([key, entry]) => [key, sampleOf(entry)]));
}

const wrongs = ["x", true, 1, null, [], {}, [5], [{}], { a: {} }, { a: [5] }];

test("every request of the protocol has a handler", () => {
  const types = Object.values(protocol).filter(
    (value) => value instanceof RequestType || value instanceof RequestType0,
  );
  const bound = [...recorder.schemas.keys(), ...recorder.withoutParams];
  assert.ok(types.length > 35);
  assert.deepEqual(types.map(({ method }) => method).sort(), bound.sort());
});

test("every member of every request is checked, and named when it is wrong", async () => {
  let tried = 0;
  for (const [method, schema] of recorder.schemas) {
    const good = sampleOf(schema) as Record<string, unknown>;
    for (const [key, entry] of entriesOf(schema)) {
      for (const wrong of wrongs.filter((value) => !v.is(entry, value))) {
        const { error } = await client.request(method, { ...good, [key]: wrong });
        const sent = `${method} with ${key} = ${JSON.stringify(wrong)}`;
        assert.equal(error?.data?.code, "INVALID_ARGUMENT", `${sent}: ${error?.message}`);
        const start = `invalid request ${method}: ${key}`;
        assert.equal(error.message.slice(0, start.length), start, sent);
        tried++;
      }
    }
  }
  assert.ok(tried > 700, `${tried} requests`);
});

test("every member that must be there is missed by its name", async () => {
  for (const [method, schema] of recorder.schemas) {
    const good = sampleOf(schema) as Record<string, unknown>;
    for (const [key, entry] of entriesOf(schema)) {
      if (entry.type === "exact_optional") continue;
      const { error } = await client.request(method, { ...good, [key]: undefined });
      assert.equal(error?.message, `invalid request ${method}: ${key}: missing`);
    }
  }
});

test("params of every request are an object", async () => {
  for (const method of recorder.schemas.keys()) {
    for (const params of [undefined, null, [], [1, 2, 3], [{}], "x", 1, true]) {
      const { error } = await client.request(method, params);
      assert.equal(error?.data?.code, "INVALID_ARGUMENT", `${method}: ${error?.message}`);
      assert.match(error.message, new RegExp(`^invalid request ${method}: expected an object, got `));
    }
  }
});

test("requests without params ignore what comes with them", async () => {
  for (const method of recorder.withoutParams) {
    for (const params of [undefined, null, [1, 2, 3], { a: 1 }, "x"]) {
      const { error, result } = await client.request(method, params);
      assert.ok(result === null || error?.message === reached, `${method}: ${error?.message}`);
    }
  }
});

test("a good request reaches its service, with more members than it has, too", async () => {
  for (const [method, schema] of recorder.schemas) {
    const params = { ...(sampleOf(schema) as object), fromTheFuture: { a: [1] } };
    const { error } = await client.request(method, params);
    assert.doesNotMatch(error?.message ?? "", /^invalid request/, method);
  }
});
