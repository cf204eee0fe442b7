import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { main } from "../../../../engine/cli/program.ts";
import { DetachFilter, parseDetachKeys } from "../../../../engine/docker/detach-keys.ts";
import { FrameType, MockerError, vmExec, vmLogs } from "../../../../engine/protocol/index.ts";
import type { StreamPeer } from "../../client/fake-engine.ts";
import { Setup } from "../harness.ts";

describe("detach keys", () => {
  test("names", () => {
    assert.deepEqual(parseDetachKeys("ctrl-p,ctrl-q"), [16, 17]);
    assert.deepEqual(parseDetachKeys("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_"), [0, 27, 28, 29, 30, 31]);
    assert.deepEqual(parseDetachKeys("a,Z"), [97, 90]);
    assert.throws(
      () => parseDetachKeys("ctrl-p,foo"),
      (error) => error instanceof MockerError && error.message.endsWith("Unknown character: 'foo'"),
    );
  });

  const feed = (...chunks: string[]): { sent: string; detached: boolean } => {
    const filter = new DetachFilter([16, 17]);
    let sent = "";
    for (const chunk of chunks) {
      const { bytes, detached } = filter.push(Buffer.from(chunk, "latin1"));
      sent += Buffer.from(bytes).toString("latin1");
      if (detached) return { sent, detached };
    }
    return { sent: sent + Buffer.from(filter.flush()).toString("latin1"), detached: false };
  };

  test("are found across chunks, and nothing else is lost", () => {
    assert.deepEqual(feed("ab\x10\x11cd"), { sent: "ab", detached: true });
    assert.deepEqual(feed("ab\x10", "\x11"), { sent: "ab", detached: true });
    assert.deepEqual(feed("\x10x", "\x11"), { sent: "\x10x\x11", detached: false });
    assert.deepEqual(feed("\x10\x10\x11"), { sent: "\x10", detached: true });
    assert.deepEqual(feed("a\x10"), { sent: "a\x10", detached: false });
  });
});

describe("streams", () => {
  let setup: Setup;
  before(async () => {
    setup = await Setup.create();
  });
  after(() => setup.close());

  const execWith = (serve: (peer: StreamPeer) => void): void => {
    setup.engine.handle(vmExec, () => ({ execId: "e", stream: setup.engine.stream(serve) }));
  };

  test("a slow reader of our output stops the engine's sending", async () => {
    const chunk = Buffer.alloc(64 * 1024, 1);
    const total = 256;
    let peer: StreamPeer | undefined;
    let sent = 0;
    execWith((opened) => {
      peer = opened;
      const more = (): void => {
        while (sent < total && !opened.socket.destroyed) {
          sent++;
          if (!opened.send(FrameType.stdout, chunk)) {
            opened.socket.once("drain", more);
            return;
          }
        }
        opened.exit(0);
      };
      more();
    });
    let release: () => void = () => undefined;
    let read = 0;
    const slow = new Writable({
      highWaterMark: 64 * 1024,
      write(bytes: Buffer, _, done) {
        read += bytes.length;
        if (release === undefined) done();
        else pending = done;
      },
    });
    let pending: (() => void) | undefined;
    const io = setup.io({ stdout: slow });
    const code = main(["exec", "web", "yes"], io);
    // Nothing is read: the sending must come to a halt long before the end.
    let before = -1;
    while (peer === undefined || sent !== before) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(sent < total / 2, `${sent} of ${total} chunks were sent`);
    release = () => undefined;
    const drain = (): void => {
      const done = pending;
      pending = undefined;
      done?.();
    };
    const timer = setInterval(drain, 0);
    const status = await code;
    clearInterval(timer);
    while (pending !== undefined) drain();
    slow.end();
    drain();
    assert.equal(status, 0);
    assert.equal(sent, total);
    assert.ok(read > 0);
  });

  test("a process that does not read stops our reading of stdin", async () => {
    let peer: StreamPeer | undefined;
    execWith((opened) => {
      opened.socket.pause();
      // resume() follows in the fake engine; hold it off until the test says so.
      setImmediate(() => opened.socket.pause());
      peer = opened;
    });
    const io = setup.io();
    const source = new PassThrough();
    source.pipe(io.stdin);
    const code = main(["exec", "-i", "web", "cat"], io);
    const chunk = Buffer.alloc(64 * 1024, 2);
    let written = 0;
    while (written < 512) {
      written++;
      if (!source.write(chunk) && !(await Promise.race([once(source, "drain"), timeout(200)]))) break;
    }
    assert.ok(written < 400, `${written} chunks were taken`);
    source.end();
    peer?.socket.resume();
    await peer?.until(() => peer?.sawEndOfStdin() === true);
    assert.equal(peer?.stdin().length, written * chunk.length);
    peer?.exit(0);
    assert.equal(await code, 0);
  });

  test("a reader that has enough ends the command quietly", async () => {
    setup.engine.handle(vmLogs, () => ({
      stream: setup.engine.stream((peer) => {
        const timer = setInterval(() => peer.send(FrameType.stdout, "line\n"), 1);
        peer.socket.on("close", () => clearInterval(timer));
      }),
      tty: false,
      warnings: [],
    }));
    const broken = new Writable({
      write(_bytes, _encoding, done) {
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      },
    });
    const io = setup.io({ stdout: broken });
    assert.equal(await main(["logs", "-f", "web"], io), 141);
    assert.equal(io.errors(), "");
  });

  test("frames that are none are refused", async () => {
    execWith((peer) => {
      peer.socket.write(Buffer.from([9, 0, 0, 0, 255, 255, 255, 255]));
    });
    const io = setup.io();
    assert.equal(await main(["exec", "web", "true"], io), 1);
    assert.equal(io.errors(), "mocker: the engine sent an invalid stream\n");
  });

  test("bytes of all values pass in order, however they are cut", async () => {
    const bytes = Buffer.from(
      Array.from({ length: 1024 * 1024 }, (_, i) => (i ^ (i >> 8) ^ (i >> 16)) & 0xff),
    );
    execWith((peer) => {
      let offset = 0;
      for (let size = 1; offset < bytes.length; size = (size * 3) % 70_001 || 1) {
        peer.send(FrameType.stdout, bytes.subarray(offset, offset + size));
        offset += size;
      }
      peer.exit(0);
    });
    const io = setup.io();
    assert.equal(await main(["exec", "web", "cat"], io), 0);
    assert.ok(io.stdoutBytes().equals(bytes));
  });
});

function timeout(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), milliseconds));
}
