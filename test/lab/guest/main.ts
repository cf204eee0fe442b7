// The lab's guest side: takes commands from the host and runs them. Started by boot.sh, ends when the host
// goes away.

import { spawn } from "node:child_process";
import { existsSync, openSync, read, readdirSync, readFileSync, write, writeFileSync } from "node:fs";
import { constants, freemem, loadavg, release, uptime } from "node:os";
import {
  type Beat,
  encodeFrame,
  frameReader,
  type Hello,
  Kind,
  portName,
  type RunRequest,
  userSession,
} from "../channel.ts";

const maxQueuedBytes = 1024 * 1024;
const port = openSync(findPort(), "r+");
const running = new Map<number, number>();
const queue: Buffer[] = [];
const paused = new Set<() => void>();
let queuedBytes = 0;
let writing = false;

function findPort(): string {
  for (const name of readdirSync("/sys/class/virtio-ports")) {
    const label = readFileSync(`/sys/class/virtio-ports/${name}/name`, "utf8").trim();
    if (label === portName) return `/dev/${name}`;
  }
  throw new Error(`no virtio-serial port named ${portName}`);
}

function send(frame: Buffer): void {
  queue.push(frame);
  queuedBytes += frame.length;
  if (!writing) writeNext();
}

function writeNext(): void {
  const frame = queue[0];
  writing = frame !== undefined;
  if (frame === undefined) return;
  // The driver takes at most 32 KiB at a time.
  write(port, frame, 0, frame.length, null, (error, written) => {
    if (error) process.exit(1);
    queuedBytes -= written;
    if (written === frame.length) queue.shift();
    else queue[0] = frame.subarray(written);
    if (queuedBytes < maxQueuedBytes) {
      for (const resume of paused) resume();
      paused.clear();
    }
    writeNext();
  });
}

function run(id: number, request: RunRequest): void {
  const [program = "", ...args] = request.argv;
  const child = spawn(program, args, {
    cwd: request.cwd,
    env: request.env,
    uid: request.uid,
    gid: request.gid,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that it can be killed with its children.
    detached: true,
  });
  const forward = (stream: NodeJS.ReadableStream, kind: Kind) => {
    stream.on("data", (data: Buffer) => {
      send(encodeFrame(kind, id, data));
      if (queuedBytes >= maxQueuedBytes) {
        stream.pause();
        paused.add(() => stream.resume());
      }
    });
  };
  forward(child.stdout, Kind.stdout);
  forward(child.stderr, Kind.stderr);
  let done = false;
  const finish = (code: number) => {
    if (done) return;
    done = true;
    running.delete(id);
    send(encodeFrame(Kind.exit, id, { code }));
  };
  if (child.pid !== undefined) running.set(id, child.pid);
  if (child.pid !== undefined && request.uid !== 0) {
    writeFileSync(`${userSession}/cgroup.procs`, String(child.pid));
  }
  child.once("error", (error: NodeJS.ErrnoException) => {
    send(encodeFrame(Kind.stderr, id, `lab: ${error.message}\n`));
    finish(error.code === "ENOENT" ? 127 : 126);
  });
  child.once("exit", (status, signal) => {
    const code = status ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    // A process left behind may hold the pipes: what it has written by now is taken, no more.
    const grace = setTimeout(() => finish(code), 2000);
    child.once("close", () => {
      clearTimeout(grace);
      finish(code);
    });
  });
}

function kill(id: number, signal: string): void {
  const pid = running.get(id);
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal as NodeJS.Signals);
  } catch {
    // It ended by itself.
  }
}

const onData = frameReader((kind, id, payload) => {
  if (kind === Kind.run) run(id, JSON.parse(payload.toString()) as RunRequest);
  else if (kind === Kind.kill) kill(id, payload.toString());
  else if (kind === Kind.powerOff) process.exit(0);
});

function readNext(): void {
  const buffer = Buffer.allocUnsafe(64 * 1024);
  read(port, buffer, 0, buffer.length, null, (error, length) => {
    // Nothing to read: the host's end is closed.
    if (error || length === 0) process.exit(0);
    onData(buffer.subarray(0, length));
    readNext();
  });
}

readNext();
send(encodeFrame(Kind.hello, 0, { kernel: release(), kvm: existsSync("/dev/kvm") } satisfies Hello));
setInterval(() => {
  const beat: Beat = {
    uptimeSeconds: uptime(),
    load: loadavg()[0] ?? 0,
    freeMiB: Math.round(freemem() / 2 ** 20),
  };
  send(encodeFrame(Kind.beat, 0, beat));
}, 5000);
