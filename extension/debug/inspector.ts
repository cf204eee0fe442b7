/** Node's inspector, from outside. */
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** Resolves once an inspector answers on a port of 127.0.0.1; rejects when `signal` is aborted. */
export async function inspectorAnswers(port: number, signal: AbortSignal): Promise<void> {
  while (!(await answers(port))) await sleep(50, undefined, { signal });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    // A published port takes connections before anybody in the VM listens.
    const request = get({ host: "127.0.0.1", port, path: "/json/version", timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("error", () => resolve(false));
    request.on("timeout", () => request.destroy());
  });
}
