/**
 * What host and guest of the lab say to each other over a virtio-serial port: frames of
 * `payload length u32be, kind u8, run id u32be`, then the payload.
 */

export const Kind = {
  /** Guest to host, once: {@link Hello} as JSON. */
  hello: 0,
  /** Host to guest: {@link RunRequest} as JSON. */
  run: 1,
  /** Host to guest: kills the run's process group; the payload is the signal's name. */
  kill: 2,
  /** Host to guest: sync and power off. */
  powerOff: 3,
  stdout: 4,
  stderr: 5,
  /** Guest to host: {@link RunExit} as JSON; the run's last frame. */
  exit: 6,
  /** Guest to host every few seconds: {@link Beat} as JSON. */
  beat: 7,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Hello {
  kernel: string;
  kvm: boolean;
}

export interface RunRequest {
  argv: string[];
  cwd: string;
  env: Record<string, string>;
  uid: number;
  gid: number;
}

export interface RunExit {
  /** As a shell has it: 128 + n for signals, 127 when the program is not there. */
  code: number;
}

export interface Beat {
  uptimeSeconds: number;
  load: number;
  freeMiB: number;
}

export const portName = "mocker.lab";

/** The cgroup of an ordinary user's commands, in the one that is delegated to the user. */
export const userSession = "/sys/fs/cgroup/user/session";
const headerBytes = 9;

export function encodeFrame(kind: Kind, id: number, payload: Uint8Array | string | object = ""): Buffer {
  const body =
    payload instanceof Uint8Array
      ? payload
      : Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload));
  const frame = Buffer.allocUnsafe(headerBytes + body.length);
  frame.writeUInt32BE(body.length, 0);
  frame.writeUInt8(kind, 4);
  frame.writeUInt32BE(id, 5);
  frame.set(body, headerBytes);
  return frame;
}

/** Returns a function to be fed with what comes in; it calls back once per whole frame. */
export function frameReader(
  onFrame: (kind: Kind, id: number, payload: Buffer) => void,
): (data: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (data) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    while (rest.length >= headerBytes) {
      const end = headerBytes + rest.readUInt32BE(0);
      if (rest.length < end) break;
      onFrame(rest.readUInt8(4) as Kind, rest.readUInt32BE(5), rest.subarray(headerBytes, end));
      rest = rest.subarray(end);
    }
  };
}
