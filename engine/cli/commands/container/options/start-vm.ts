import type { EngineClient } from "../../../../client/engine-client.ts";
import { extracting } from "../../../../docker/api/transfer-progress.ts";
import { type UnpackProgress, type VmStartParams, vmStart } from "../../../../protocol/index.ts";
import type { Io } from "../../../io.ts";
import { ByteProgress } from "../../../output/byte-progress.ts";

let tokens = 0;

/**
 * Starts a VM; a terminal is shown how far its image is unpacked, which the first simulated VM of an image
 * waits for. Throws MockerError.
 */
export async function startVm(
  { engine, io }: { engine: EngineClient; io: Io },
  params: VmStartParams,
): Promise<void> {
  if (io.stderr.isTTY !== true) {
    await engine.request(vmStart, params);
    return;
  }
  const progressToken = `start-${process.pid}-${++tokens}`;
  const display = new ByteProgress(io.stderr);
  const forget = engine.onProgress<UnpackProgress>(progressToken, ({ currentBytes, totalBytes }) => {
    // The line is the VM's again before it can write.
    if (currentBytes === totalBytes) display.end();
    else display.show(currentBytes, { totalBytes, what: extracting });
  });
  try {
    await engine.request(vmStart, { ...params, progressToken });
  } finally {
    forget();
    display.end();
  }
}
