/** The environment of a VM's processes. */
import { MockerError } from "../../protocol/errors.ts";
import type { VmConfig } from "./records/vm-record.ts";

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The label by which an image asks for `MOCKER_RUNTIME`: the built-in hello image says where it ran.
 */
const tellRuntimeLabel = "io.mocker.tell-runtime";

/** What every process of a VM has unless the image or the user says otherwise; Docker records none of it. */
export function baseEnv({ hostname, labels, runtime }: VmConfig, tty: boolean): string[] {
  return [
    defaultPath,
    `HOSTNAME=${hostname}`,
    ...(tty ? ["TERM=xterm"] : []),
    ...(tellRuntimeLabel in labels ? [`MOCKER_RUNTIME=${runtime}`] : []),
  ];
}

/**
 * Later lists win; a variable keeps the place where it first stood, and a name alone takes it away.
 * @throws INVALID_ARGUMENT for what is none
 */
export function mergeEnv(...lists: (readonly string[])[]): string[] {
  const merged = new Map<string, string>();
  for (const assignment of lists.flat()) {
    const equals = assignment.indexOf("=");
    if (equals === 0 || assignment === "" || assignment.includes("\0")) {
      throw new MockerError("INVALID_ARGUMENT", `invalid environment variable: ${assignment}`);
    }
    if (equals < 0) merged.delete(assignment);
    else merged.set(assignment.slice(0, equals), assignment);
  }
  return [...merged.values()];
}
