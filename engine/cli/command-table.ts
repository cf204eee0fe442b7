/** Which words call which command. Commands are loaded when called: `mocker ps` pays for no other. */
import type { Command } from "./command.ts";

export type Loader = () => Promise<Command>;

/**
 * One line per verb, by the ways to call it: `GROUP VERB`, `VERB`, or both, in the order of its help page. Of
 * `ls|list` the first is the name and the others are aliases, which the group's help does not list.
 */
const commands: Readonly<Record<string, Loader>> = {
  "container attach, attach": async () => (await import("./commands/container/attach.ts")).attach,
  "container commit, commit": async () => (await import("./commands/container/commit.ts")).commit,
  "container cp, cp": async () => (await import("./commands/container/cp.ts")).cp,
  "container create, create": async () => (await import("./commands/container/create.ts")).create,
  "container diff, diff": async () => (await import("./commands/container/diff.ts")).diff,
  "container exec, exec": async () => (await import("./commands/container/exec.ts")).exec,
  "container export, export": async () => (await import("./commands/container/export.ts")).exportCommand,
  "container inspect": async () => (await import("./commands/system/inspect.ts")).vmInspectCommand,
  "container kill, kill": async () => (await import("./commands/container/kill.ts")).kill,
  "container logs, logs": async () => (await import("./commands/container/logs.ts")).logs,
  "container ls|list|ps, ps": async () => (await import("./commands/container/ps.ts")).ps,
  "container pause, pause": async () => (await import("./commands/container/pause.ts")).pause,
  "container port, port": async () => (await import("./commands/container/port.ts")).port,
  "container prune": async () => (await import("./commands/container/prune.ts")).containerPrune,
  "container rename, rename": async () => (await import("./commands/container/rename.ts")).rename,
  "container restart, restart": async () => (await import("./commands/container/restart.ts")).restart,
  "container rm|remove, rm": async () => (await import("./commands/container/rm.ts")).rm,
  "container run, run": async () => (await import("./commands/container/run.ts")).run,
  "container start, start": async () => (await import("./commands/container/start.ts")).start,
  "container stats, stats": async () => (await import("./commands/container/usage/stats.ts")).stats,
  "container stop, stop": async () => (await import("./commands/container/stop.ts")).stop,
  "container top, top": async () => (await import("./commands/container/usage/top.ts")).top,
  "container unpause, unpause": async () => (await import("./commands/container/pause.ts")).unpause,
  "container update, update": async () => (await import("./commands/container/update.ts")).update,
  "container wait, wait": async () => (await import("./commands/container/wait.ts")).wait,

  "checkpoint create": async () => (await import("./commands/checkpoint/create.ts")).checkpointCreateCommand,
  "checkpoint ls|list": async () => (await import("./commands/checkpoint/ls.ts")).checkpointLs,
  "checkpoint rm|remove": async () => (await import("./commands/checkpoint/rm.ts")).checkpointRm,

  "completion bash": async () => (await import("./commands/completion/completion.ts")).bashCompletion,
  "completion fish": async () => (await import("./commands/completion/completion.ts")).fishCompletion,
  "completion zsh": async () => (await import("./commands/completion/completion.ts")).zshCompletion,

  "context create": async () => (await import("./commands/context/create.ts")).contextCreate,
  "context inspect": async () => (await import("./commands/context/inspect.ts")).contextInspect,
  "context ls|list": async () => (await import("./commands/context/ls.ts")).contextLs,
  "context rm|remove": async () => (await import("./commands/context/rm.ts")).contextRm,
  "context show": async () => (await import("./commands/context/show.ts")).contextShow,
  "context use": async () => (await import("./commands/context/use.ts")).contextUse,

  "image history, history": async () => (await import("./commands/image/history.ts")).history,
  "image ls|list, images": async () => (await import("./commands/image/images.ts")).images,
  "image import, import": async () => (await import("./commands/image/import.ts")).importCommand,
  "image inspect": async () => (await import("./commands/system/inspect.ts")).imageInspectCommand,
  "image load, load": async () => (await import("./commands/image/load.ts")).load,
  "manifest inspect": async () =>
    (await import("./commands/image/manifest-inspect.ts")).manifestInspectCommand,
  "image prune": async () => (await import("./commands/image/prune.ts")).imagePruneCommand,
  "image pull, pull": async () => (await import("./commands/image/pull.ts")).pull,
  "image push, push": async () => (await import("./commands/image/push.ts")).push,
  "image rm|remove, rmi": async () => (await import("./commands/image/rmi.ts")).rmi,
  "image save, save": async () => (await import("./commands/image/save.ts")).save,
  "image tag, tag": async () => (await import("./commands/image/tag.ts")).tag,

  "network connect": async () => (await import("./commands/network/connect.ts")).networkConnectCommand,
  "network create": async () => (await import("./commands/network/create.ts")).networkCreateCommand,
  "network disconnect": async () =>
    (await import("./commands/network/disconnect.ts")).networkDisconnectCommand,
  "network inspect": async () => (await import("./commands/network/inspect.ts")).networkInspectCommand,
  "network ls|list": async () => (await import("./commands/network/ls.ts")).networkLs,
  "network prune": async () => (await import("./commands/network/prune.ts")).networkPruneCommand,
  "network rm|remove": async () => (await import("./commands/network/rm.ts")).networkRm,

  login: async () => (await import("./commands/registry/login.ts")).login,
  logout: async () => (await import("./commands/registry/logout.ts")).logout,
  search: async () => (await import("./commands/registry/search.ts")).search,

  "system check": async () => (await import("./commands/system/check.ts")).systemCheckCommand,
  "system df": async () => (await import("./commands/system/df.ts")).systemDf,
  "system dial-stdio": async () => (await import("./commands/system/dial-stdio.ts")).dialStdio,
  doctor: async () => (await import("./commands/system/doctor.ts")).doctor,
  "system events, events": async () => (await import("./commands/system/events.ts")).events,
  "system info, info": async () => (await import("./commands/system/info.ts")).info,
  inspect: async () => (await import("./commands/system/inspect.ts")).inspect,
  "system prune": async () => (await import("./commands/system/prune.ts")).systemPrune,
  "system service": async () => (await import("./commands/system/service.ts")).systemServiceCommand,
  version: async () => (await import("./commands/system/version.ts")).version,

  "volume create": async () => (await import("./commands/volume/create.ts")).volumeCreateCommand,
  "volume inspect": async () => (await import("./commands/system/inspect.ts")).volumeInspectCommand,
  "volume ls|list": async () => (await import("./commands/volume/ls.ts")).volumeLs,
  "volume prune": async () => (await import("./commands/volume/prune.ts")).volumePruneCommand,
  "volume rm|remove": async () => (await import("./commands/volume/rm.ts")).volumeRm,
};

/** Listed first in the help. */
export const commonVerbs: ReadonlySet<string> = new Set([
  "run",
  "exec",
  "ps",
  "pull",
  "push",
  "images",
  "login",
  "logout",
  "search",
  "version",
  "info",
  "doctor",
]);

/** A command that was found by the words that call it. */
export interface Found {
  /** The last of those words; an alias is replaced by what it stands for. */
  readonly name: string;
  /** All ways to call it, without `mocker`: `container ls`, `container list`, `ps`. */
  readonly calls: readonly string[];
  readonly load: Loader;
}

interface Way extends Found {
  readonly group: string | undefined;
  readonly words: readonly string[];
}

const ways: readonly Way[] = Object.entries(commands).flatMap(([texts, load]) => {
  const parsed = texts.split(", ").map((text) => {
    const [first = "", second] = text.split(" ");
    return second === undefined
      ? { group: undefined, words: first.split("|") }
      : { group: first, words: second.split("|") };
  });
  const calls = parsed.flatMap(({ group, words }) =>
    words.map((word) => (group === undefined ? word : `${group} ${word}`)),
  );
  return parsed.map(({ group, words }) => ({ group, words, name: words[0] ?? "", calls, load }));
});

/** Verbs by the words that call them. */
export class VerbGroup {
  readonly summary: string;
  /** By name, without aliases. */
  readonly listed: ReadonlyMap<string, Loader>;
  readonly #ways: readonly Way[];

  /** @param key what the table calls the group; undefined for the verbs without one */
  constructor(key: string | undefined, summary: string) {
    this.summary = summary;
    this.#ways = ways.filter(({ group }) => group === key);
    this.listed = new Map(this.#ways.map(({ name, load }) => [name, load]));
  }

  /** The command that `word` calls, by name or alias. */
  find(word: string): Found | undefined {
    return this.#ways.find(({ words }) => words.includes(word));
  }
}

/** `mocker <verb>`. */
export const verbs = new VerbGroup(undefined, "");

/** `mocker <group> <verb>`. */
export const groups: ReadonlyMap<string, VerbGroup> = new Map([
  ["checkpoint", new VerbGroup("checkpoint", "Manage checkpoints")],
  ["completion", new VerbGroup("completion", "Generate the autocompletion script for a shell")],
  ["container", new VerbGroup("container", "Manage VMs, in Docker's words")],
  ["context", new VerbGroup("context", "Manage contexts: names for the engines of other machines")],
  ["image", new VerbGroup("image", "Manage images")],
  ["network", new VerbGroup("network", "Manage networks")],
  ["system", new VerbGroup("system", "Manage Mocker")],
  ["manifest", new VerbGroup("manifest", "Manage Docker image manifests and manifest lists")],
  ["vm", new VerbGroup("container", "Manage VMs")],
  ["volume", new VerbGroup("volume", "Manage volumes")],
]);
