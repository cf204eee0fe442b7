/** Signals that `run`, `start -a` and `attach` hand on to the VM's process. */
import type { Io } from "../io.ts";

/**
 * Docker hands on all but CHLD, PIPE and URG; those that stop or end a Node process beyond rescue stay ours.
 */
const proxied: readonly NodeJS.Signals[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
  "SIGTSTP",
  "SIGALRM",
];

const signalsToGiveUp = 3;

export interface SignalProxy {
  /** Call when the process runs: signals that came before are sent now. */
  ready(): void;
  close(): void;
}

/** Sends signals on through `kill`; after the third INT or TERM, calls `giveUp`. */
export function proxySignals(
  io: Io,
  kill: (signal: string) => Promise<unknown>,
  giveUp: () => void,
): SignalProxy {
  let running = false;
  let endings = 0;
  const early: string[] = [];
  const send = (signal: string): void => {
    // It may have ended meanwhile; its exit is reported anyway.
    kill(signal).catch(() => undefined);
  };
  const disposers = proxied.map((signal) =>
    io.onSignal(signal, () => {
      if ((signal === "SIGINT" || signal === "SIGTERM") && ++endings === signalsToGiveUp) {
        giveUp();
        return;
      }
      if (running) send(signal);
      else early.push(signal);
    }),
  );
  return {
    ready() {
      running = true;
      for (const signal of early.splice(0)) send(signal);
    },
    close() {
      for (const dispose of disposers) dispose();
    },
  };
}
