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
  /** Sends SIGHUP, unless it was sent. Resolves when all that was sent has been answered. */
  hangUp(): Promise<void>;
  close(): void;
}

/**
 * Sends signals on through `kill`, but for those of `except`; after the third INT or TERM, calls `giveUp`.
 */
export function proxySignals(
  io: Io,
  kill: (signal: string) => Promise<unknown>,
  giveUp: () => void,
  except: readonly NodeJS.Signals[] = [],
): SignalProxy {
  let running = false;
  let endings = 0;
  const early: string[] = [];
  const sent = new Map<string, Promise<unknown>>();
  const send = (signal: string): void => {
    // It may have ended meanwhile; its exit is reported anyway.
    sent.set(
      signal,
      kill(signal).catch(() => undefined),
    );
  };
  const taken = proxied.filter((signal) => !except.includes(signal));
  const disposers = taken.map((signal) =>
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
    async hangUp() {
      if (!sent.has("SIGHUP")) send("SIGHUP");
      await Promise.all(sent.values());
    },
    close() {
      for (const dispose of disposers) dispose();
    },
  };
}
