/** Which words call which command. Commands are loaded when called: `mocker ps` pays for no other. */
import type { Command } from "./command.ts";

export type Loader = () => Promise<Command>;

/**
 * One line per verb, by the ways to call it: `VERB`, `GROUP VERB`, or both. Of `ls|list` the first is the
 * name and the others are aliases, which the help does not list.
 */
const commands: Readonly<Record<string, Loader>> = {
  "attach, container attach": async () => (await import("./commands/container/attach.ts")).attach,
  "cp, container cp": async () => (await import("./commands/container/cp.ts")).cp,
  "create, container create": async () => (await import("./commands/container/create.ts")).create,
  "exec, container exec": async () => (await import("./commands/container/exec.ts")).exec,
  "export, container export": async () => (await import("./commands/container/export.ts")).exportCommand,
  "container inspect": async () => (await import("./commands/system/inspect.ts")).vmInspectCommand,
  "kill, container kill": async () => (await import("./commands/container/kill.ts")).kill,
  "logs, container logs": async () => (await import("./commands/container/logs.ts")).logs,
  "ps, container ls|ps|list": async () => (await import("./commands/container/ps.ts")).ps,
  "restart, container restart": async () => (await import("./commands/container/restart.ts")).restart,
  "rm, container rm|remove": async () => (await import("./commands/container/rm.ts")).rm,
  "run, container run": async () => (await import("./commands/container/run.ts")).run,
  "start, container start": async () => (await import("./commands/container/start.ts")).start,
  "stop, container stop": async () => (await import("./commands/container/stop.ts")).stop,
  "wait, container wait": async () => (await import("./commands/container/wait.ts")).wait,

  "history, image history": async () => (await import("./commands/image/history.ts")).history,
  "images, image ls|list": async () => (await import("./commands/image/images.ts")).images,
  "import, image import": async () => (await import("./commands/image/import.ts")).importCommand,
  "image inspect": async () => (await import("./commands/system/inspect.ts")).imageInspectCommand,
  "load, image load": async () => (await import("./commands/image/load.ts")).load,
  "manifest inspect": async () =>
    (await import("./commands/image/manifest-inspect.ts")).manifestInspectCommand,
  "image prune": async () => (await import("./commands/image/prune.ts")).imagePruneCommand,
  "pull, image pull": async () => (await import("./commands/image/pull.ts")).pull,
  "push, image push": async () => (await import("./commands/image/push.ts")).push,
  "rmi, image rm|remove": async () => (await import("./commands/image/rmi.ts")).rmi,
  "save, image save": async () => (await import("./commands/image/save.ts")).save,
  "tag, image tag": async () => (await import("./commands/image/tag.ts")).tag,

  login: async () => (await import("./commands/registry/login.ts")).login,
  logout: async () => (await import("./commands/registry/logout.ts")).logout,
  search: async () => (await import("./commands/registry/search.ts")).search,

  "system check": async () => (await import("./commands/system/check.ts")).systemCheckCommand,
  "system df": async () => (await import("./commands/system/df.ts")).systemDf,
  doctor: async () => (await import("./commands/system/doctor.ts")).doctor,
  "info, system info": async () => (await import("./commands/system/info.ts")).info,
  inspect: async () => (await import("./commands/system/inspect.ts")).inspect,
  "system prune": async () => (await import("./commands/system/prune.ts")).systemPrune,
  version: async () => (await import("./commands/system/version.ts")).version,
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

interface WayToCall {
  group: string | undefined;
  name: string;
  aliases: string[];
  load: Loader;
}

const ways: readonly WayToCall[] = Object.entries(commands).flatMap(([texts, load]) =>
  texts.split(", ").map((text) => {
    const words = text.split(" ");
    const [name = "", ...aliases] = words.at(-1)?.split("|") ?? [];
    return { group: words.length > 1 ? words[0] : undefined, name, aliases, load };
  }),
);

/** Verbs by the words that call them. */
export class VerbGroup {
  readonly summary: string;
  /** By name, without aliases. */
  readonly listed: ReadonlyMap<string, Loader>;
  readonly #ways: readonly WayToCall[];

  /** @param key what the table calls the group; undefined for the verbs without one */
  constructor(key: string | undefined, summary: string) {
    this.summary = summary;
    this.#ways = ways.filter(({ group }) => group === key);
    this.listed = new Map(this.#ways.map(({ name, load }) => [name, load]));
  }

  /** The command that `word` calls, by name or alias, and that name. */
  find(word: string): { name: string; load: Loader } | undefined {
    return this.#ways.find(({ name, aliases }) => name === word || aliases.includes(word));
  }
}

/** `mocker <verb>`. */
export const verbs = new VerbGroup(undefined, "");

/** `mocker <group> <verb>`. */
export const groups: ReadonlyMap<string, VerbGroup> = new Map([
  ["container", new VerbGroup("container", "Manage VMs, in Docker's words")],
  ["image", new VerbGroup("image", "Manage images")],
  ["system", new VerbGroup("system", "Manage Mocker")],
  ["manifest", new VerbGroup("manifest", "Manage Docker image manifests and manifest lists")],
  ["vm", new VerbGroup("container", "Manage VMs")],
]);
