/** What the arguments and flags of commands can be completed to, by the names that their usage gives them. */
import { capabilities } from "../../docker/run-options/capabilities.ts";
import { signalNames } from "../../docker/signals.ts";
import { networkModes, type VmState } from "../../protocol/index.ts";
import { ContextStore, defaultContext } from "../contexts/context-store.ts";
import type { Candidate, Names } from "./names.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Candidates for a word. */
export interface Values {
  readonly candidates: readonly Candidate[];
  /** What the shell is to offer where no candidate fits. */
  readonly otherwise?: "files" | "directories";
}

/**
 * Finds the candidates of one kind; `args` are the command's arguments before. Rejects with MockerError where
 * the engine fails.
 */
export type Source = (names: Names, env: Environment, args: readonly string[]) => Promise<Values>;

function named(find: (names: Names) => Promise<Candidate[]>): Source {
  return async (names) => ({ candidates: await find(names) });
}

function words(...texts: string[]): Source {
  return async () => ({ candidates: texts.map((text) => ({ text })) });
}

function followedBy(suffix: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.map((candidate) => ({ ...candidate, text: `${candidate.text}${suffix}` }));
}

const nothing = words();
const files: Source = async () => ({ candidates: [], otherwise: "files" });
const directories: Source = async () => ({ candidates: [], otherwise: "directories" });
const images = named((names) => names.images());
const networks = named((names) => names.networks());
const volumes = named((names) => names.volumes());
const vms = named((names) => names.vms());

const variables: Source = async (_, env) => ({ candidates: Object.keys(env).map((text) => ({ text })) });

const anything: Source = async (names) => {
  const all = await Promise.all([names.vms(), names.images(), names.volumes(), names.networks()]);
  return { candidates: all.flat() };
};

/** One of `cp`'s two sides. */
const place: Source = async (names) => ({
  candidates: followedBy(":", await names.vms()),
  otherwise: "files",
});

const checkpoints: Source = async (names, _, [vm]) => ({
  candidates: vm === undefined ? [] : await names.checkpoints(vm),
});

const contexts: Source = async (_, env) => ({
  candidates: [
    { text: defaultContext },
    ...new ContextStore(env).list().map(({ name, host }) => ({ text: name, description: host })),
  ],
});

const byPlaceholder: Readonly<Record<string, Source>> = {
  CHECKPOINT: checkpoints,
  CONTAINER: vms,
  CONTEXT: contexts,
  IMAGE: images,
  MANIFEST: images,
  "NAME[:TAG]": images,
  "NAME[:TAG|@DIGEST]": images,
  "REPOSITORY[:TAG]": images,
  "SOURCE_IMAGE[:TAG]": images,
  "TARGET_IMAGE[:TAG]": images,
  NETWORK: networks,
  VOLUME: volumes,
  "NAME|ID": anything,
  "CONTAINER|IMAGE:SRC_PATH": place,
  "DEST_PATH|-": place,
  "file|URL|-": files,
  "install|remove": words("install", "remove"),
  // The guest's, which often are where the host has them.
  COMMAND: files,
  ARG: files,
  NEW_NAME: nothing,
  "PRIVATE_PORT[/PROTO]": nothing,
  SERVER: nothing,
  TERM: nothing,
  "ps OPTIONS": nothing,
};

const live: readonly VmState[] = ["running", "paused"];

function vmsIn(...states: VmState[]): Source {
  return named((names) => names.vms(states));
}

/** Where not all of a kind will do; by the first of the ways to call a command. */
const byCommand: Readonly<Record<string, Source>> = {
  "checkpoint create": vmsIn("created", "exited", "failed"),
  "container attach": vmsIn("running"),
  "container exec": vmsIn("running"),
  "container kill": vmsIn(...live),
  "container pause": vmsIn("running"),
  "container port": vmsIn(...live),
  "container start": vmsIn("created", "exited", "failed"),
  "container stats": vmsIn(...live),
  "container stop": vmsIn(...live, "restarting"),
  "container top": vmsIn("running"),
  "container unpause": vmsIn("paused"),
  "container wait": vmsIn(...live, "restarting"),
  "context create": nothing,
  "network create": nothing,
  "volume create": nothing,
};

const signals = words(...signalNames);
const capabilityNames = words("ALL", ...capabilities);
const platforms = words("linux/amd64", "linux/arm64");

const byFlag: Readonly<Record<string, Source>> = {
  attach: words("stdin", "stdout", "stderr"),
  "cap-add": capabilityNames,
  "cap-drop": capabilityNames,
  checkpoint: checkpoints,
  cidfile: files,
  config: directories,
  context: contexts,
  env: variables,
  "env-file": files,
  format: words("json", "table"),
  from: contexts,
  host: words("unix://", "ssh://"),
  input: files,
  "label-file": files,
  link: async (names) => ({ candidates: followedBy(":", await names.vms(live)) }),
  "log-driver": words("local", "json-file", "none"),
  "log-level": words("debug", "info", "warn", "error", "fatal"),
  mount: words("type=bind,", "type=volume,", "type=tmpfs,"),
  network: async (names) => {
    const there = await names.networks();
    const modes = networkModes.filter((mode) => !there.some(({ text }) => text === mode));
    return { candidates: [...there, ...modes.map((text) => ({ text }))] };
  },
  output: files,
  platform: platforms,
  pull: words("always", "missing", "never"),
  restart: words("no", "always", "on-failure", "unless-stopped"),
  runtime: words("auto", "krun", "simulation"),
  "secret-env": variables,
  signal: signals,
  "stop-signal": signals,
  type: words("container", "image", "volume", "network"),
  volume: async (names) => ({ candidates: followedBy(":", await names.volumes()), otherwise: "files" }),
  "volumes-from": vms,
};

/** Of a flag's value, by the flag's name. */
export function flagSource(name: string): Source {
  return (Object.hasOwn(byFlag, name) ? byFlag[name] : undefined) ?? nothing;
}

/**
 * The names of a command's arguments, from its usage: `[OPTIONS] CONTAINER COMMAND [ARG...]` has three. The
 * last one stands for all that follow.
 */
export function placeholders(usage: string): string[] {
  const [line = ""] = usage.split("\n");
  const found = [...line.matchAll(/\[ps OPTIONS\]|\S+/g)].map(([text]) =>
    text.replace(/^\[(.*?)(?:\.\.\.)?\]$/, "$1"),
  );
  return found.filter((name) => name !== "OPTIONS" && name !== "COMMAND-OPTIONS");
}

/**
 * Of the argument at `index`, from 0; undefined for one that no source is known for.
 * @param call the first of the ways to call the command: `container exec`
 */
export function argumentSource(call: string, usage: string, index: number): Source | undefined {
  const all = placeholders(usage);
  const isOneOfMany = index >= all.length && / \[\S+\.\.\.\]/.test(usage);
  const name = all[index] ?? (isOneOfMany ? all.at(-1) : undefined);
  if (name === undefined) return nothing;
  if (name === all[0] && Object.hasOwn(byCommand, call)) return byCommand[call];
  return Object.hasOwn(byPlaceholder, name) ? byPlaceholder[name] : undefined;
}
