/** Which words call which command. Commands are loaded when called: `mocker ps` pays for no other. */
import type { Command } from "./command.ts";

export type Loader = () => Promise<Command>;

const load = {
  attach: async () => (await import("./commands/container/attach.ts")).attach,
  cp: async () => (await import("./commands/container/cp.ts")).cp,
  create: async () => (await import("./commands/container/create.ts")).create,
  doctor: async () => (await import("./commands/system/doctor.ts")).doctor,
  exec: async () => (await import("./commands/container/exec.ts")).exec,
  export: async () => (await import("./commands/container/export.ts")).exportCommand,
  history: async () => (await import("./commands/image/history.ts")).history,
  imageInspect: async () => (await import("./commands/system/inspect.ts")).imageInspectCommand,
  imagePrune: async () => (await import("./commands/image/prune.ts")).imagePruneCommand,
  images: async () => (await import("./commands/image/images.ts")).images,
  import: async () => (await import("./commands/image/import.ts")).importCommand,
  info: async () => (await import("./commands/system/info.ts")).info,
  inspect: async () => (await import("./commands/system/inspect.ts")).inspect,
  kill: async () => (await import("./commands/container/kill.ts")).kill,
  load: async () => (await import("./commands/image/load.ts")).load,
  login: async () => (await import("./commands/registry/login.ts")).login,
  logout: async () => (await import("./commands/registry/logout.ts")).logout,
  logs: async () => (await import("./commands/container/logs.ts")).logs,
  ps: async () => (await import("./commands/container/ps.ts")).ps,
  manifestInspect: async () => (await import("./commands/image/manifest-inspect.ts")).manifestInspectCommand,
  pull: async () => (await import("./commands/image/pull.ts")).pull,
  push: async () => (await import("./commands/image/push.ts")).push,
  restart: async () => (await import("./commands/container/restart.ts")).restart,
  rm: async () => (await import("./commands/container/rm.ts")).rm,
  rmi: async () => (await import("./commands/image/rmi.ts")).rmi,
  run: async () => (await import("./commands/container/run.ts")).run,
  save: async () => (await import("./commands/image/save.ts")).save,
  search: async () => (await import("./commands/registry/search.ts")).search,
  start: async () => (await import("./commands/container/start.ts")).start,
  stop: async () => (await import("./commands/container/stop.ts")).stop,
  systemCheck: async () => (await import("./commands/system/check.ts")).systemCheckCommand,
  systemDf: async () => (await import("./commands/system/df.ts")).systemDf,
  systemPrune: async () => (await import("./commands/system/prune.ts")).systemPrune,
  tag: async () => (await import("./commands/image/tag.ts")).tag,
  version: async () => (await import("./commands/system/version.ts")).version,
  vmInspect: async () => (await import("./commands/system/inspect.ts")).vmInspectCommand,
  wait: async () => (await import("./commands/container/wait.ts")).wait,
} satisfies Record<string, Loader>;

/** `mocker <verb>`. */
export const verbs: Readonly<Record<string, Loader>> = {
  attach: load.attach,
  cp: load.cp,
  create: load.create,
  doctor: load.doctor,
  exec: load.exec,
  export: load.export,
  history: load.history,
  images: load.images,
  import: load.import,
  info: load.info,
  inspect: load.inspect,
  kill: load.kill,
  load: load.load,
  login: load.login,
  logout: load.logout,
  logs: load.logs,
  ps: load.ps,
  pull: load.pull,
  push: load.push,
  restart: load.restart,
  rm: load.rm,
  rmi: load.rmi,
  run: load.run,
  save: load.save,
  search: load.search,
  start: load.start,
  stop: load.stop,
  tag: load.tag,
  version: load.version,
  wait: load.wait,
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

export interface Group {
  readonly summary: string;
  /** Listed in the help. */
  readonly listed: Readonly<Record<string, Loader>>;
  /** All words that call something. */
  readonly verbs: Readonly<Record<string, Loader>>;
  /** What an alias is called in messages. */
  readonly names: Readonly<Record<string, string>>;
}

function group(
  summary: string,
  listed: Readonly<Record<string, Loader>>,
  names: Readonly<Record<string, string>>,
): Group {
  const aliases = Object.entries(names).flatMap(([alias, name]) => {
    const loader = listed[name];
    return loader === undefined ? [] : [[alias, loader] as const];
  });
  return { summary, listed, verbs: { ...listed, ...Object.fromEntries(aliases) }, names };
}

const vmVerbs: Readonly<Record<string, Loader>> = {
  attach: load.attach,
  cp: load.cp,
  create: load.create,
  exec: load.exec,
  export: load.export,
  inspect: load.vmInspect,
  kill: load.kill,
  logs: load.logs,
  ls: load.ps,
  restart: load.restart,
  rm: load.rm,
  run: load.run,
  start: load.start,
  stop: load.stop,
  wait: load.wait,
};
const vmAliases = { ps: "ls", list: "ls", remove: "rm" };

/** `mocker <group> <verb>`. */
export const groups: Readonly<Record<string, Group>> = {
  container: group("Manage VMs, in Docker's words", vmVerbs, vmAliases),
  image: group(
    "Manage images",
    {
      history: load.history,
      import: load.import,
      inspect: load.imageInspect,
      load: load.load,
      ls: load.images,
      prune: load.imagePrune,
      pull: load.pull,
      push: load.push,
      rm: load.rmi,
      save: load.save,
      tag: load.tag,
    },
    { list: "ls", remove: "rm" },
  ),
  system: group(
    "Manage Mocker",
    { check: load.systemCheck, df: load.systemDf, info: load.info, prune: load.systemPrune },
    {},
  ),
  manifest: group("Manage Docker image manifests and manifest lists", { inspect: load.manifestInspect }, {}),
  vm: group("Manage VMs", vmVerbs, vmAliases),
};
