/** From a configuration of `launch.json` to what is asked of the engine and of the debugger. */
import { basename, posix } from "node:path";
import { MockerError, type VmCreateParams } from "../../engine/protocol/index.ts";
import { l10n } from "../l10n.ts";
import { problemOf, type RunConfiguration } from "../run-configurations/run-configuration.ts";
import { createParams, type Defaults, type PlanContext } from "../run-configurations/run-plan.ts";
import { debugpyDirectory, debugpyTarget, injectedAdapter } from "./debugpy.ts";
import {
  debuggers,
  type Language,
  type LanguageDebugger,
  languageOf,
  languages,
  packageOf,
  type Target,
} from "./language.ts";
import { PathMapping, type SharedDirectory } from "./path-mapping.ts";

/** As VS Code has it: any members beside these, their variables substituted. */
export interface DebugConfiguration {
  name: string;
  request: string;
  [member: string]: unknown;
}

interface Plan {
  language: Language;
  transport: LanguageDebugger["transport"];
  /** In the VM. */
  port: number | undefined;
  /** What runs in the VM: a debug adapter, or Node. */
  command: string[];
  /** Of the command; the VM's unless given. */
  workingDir?: string;
  console: Target["console"];
  /** Arguments for the adapter's `launch` or `attach`, or members of js-debug's configuration. */
  startArguments: Record<string, unknown>;
}

export interface LaunchPlan extends Plan {
  kind: "launch";
  image: string;
  vm: VmCreateParams;
  /** Commands for the VM's main process, which waits for the end of its input; the first that there is. */
  waiters: string[][];
  shared: SharedDirectory;
  debug: boolean;
}

export interface AttachPlan extends Plan {
  kind: "attach";
  /** Name or ID. */
  vm: string;
  /** Where the user says that the sources are, beside the VM's bind mounts. */
  shared: SharedDirectory | undefined;
  workspaceFolder: string | undefined;
}

export interface DebugContext {
  plan: PlanContext;
  defaults: Defaults;
  /** Directory with a debugpy for images that have none. */
  debugpy?: string | undefined;
}

/** Members that a VM to debug in has in common with a run configuration. */
const vmMembers = ["env", "volumes", "ports", "user", "hostname", "cpus", "memoryMiB", "network", "runtime"];

/** What is neither for the adapter nor for js-debug: ours, and the editor's. */
const ownMembers = new Set([
  ...vmMembers,
  ...[
    "type",
    "request",
    "name",
    "image",
    "vm",
    "language",
    "adapter",
    "port",
    "runtimeExecutable",
    "runtimeArgs",
    "debugpy",
  ],
  ...["program", "args", "cwd", "stopOnEntry", "console", "localRoot", "remoteRoot", "preLaunchTask"],
  ...["postDebugTask", "presentation", "internalConsoleOptions", "debugServer", "serverReadyAction"],
]);

function invalid(message: string, hint: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message, { hint });
}

/** Throws MockerError: what is missing or wrong, and what to write instead. */
export function planDebugging(
  configuration: DebugConfiguration,
  context: DebugContext,
): LaunchPlan | AttachPlan {
  if (configuration.request === "attach") return planAttach(configuration, context);
  if (configuration.request === "launch") return planLaunch(configuration, context);
  throw invalid(
    l10n.t('A debug configuration of the type mocker has no request "{0}".', configuration.request),
    l10n.t("Write launch, or attach for a VM that runs"),
  );
}

/** Where a workspace is in the VM. */
export function shareOf(workspaceFolder: string): SharedDirectory {
  return {
    local: workspaceFolder,
    remote: posix.join("/workspaces", basename(workspaceFolder) || "workspace"),
  };
}

function planLaunch(configuration: DebugConfiguration, context: DebugContext): LaunchPlan {
  const { plan, defaults } = context;
  const { workspaceFolder } = plan;
  if (workspaceFolder === undefined) {
    throw invalid(
      l10n.t("There is no folder that a VM could share."),
      l10n.t("Open the folder of the program first"),
    );
  }
  const image = text(configuration, "image");
  if (image === undefined) {
    throw invalid(
      l10n.t('The debug configuration "{0}" names no image.', configuration.name),
      l10n.t('Add the image to run in, such as "image": "node:22"'),
    );
  }
  const program = text(configuration, "program");
  if (program === undefined) {
    throw invalid(
      l10n.t('The debug configuration "{0}" names no program.', configuration.name),
      l10n.t('Add the file to run, such as "program": "{0}/main.js"', workspaceVariable),
    );
  }
  const language = languageFor(configuration, program);
  const { transport, port: usualPort } = debuggers[language];
  const shared = {
    ...shareOf(workspaceFolder),
    ...(text(configuration, "remoteRoot") ? { remote: text(configuration, "remoteRoot") ?? "" } : {}),
  };
  const mapping = new PathMapping([shared]);
  const inVm = (path: string) =>
    mapping.toRemote(path.startsWith("/") ? path : posix.join(workspaceFolder, path));
  const port = usualPort === undefined ? undefined : (number(configuration, "port") ?? usualPort);
  const target: Target = {
    shared,
    program: inVm(program),
    args: texts(configuration, "args"),
    cwd: inVm(text(configuration, "cwd") ?? workspaceFolder),
    env: record(configuration, "env"),
    stopOnEntry: configuration.stopOnEntry === true,
    console: consoleOf(configuration),
  };
  const debug = configuration.noDebug !== true;
  const debugpy =
    language === "python" ? debugpyDirectory(text(configuration, "debugpy"), context) : undefined;
  const command =
    transport === "inspector"
      ? nodeCommand(configuration, target, debug ? port : undefined)
      : adapterCommand(configuration, language, { port, debugpy, shared });
  const { ports, ...vm } = createParams(vmConfiguration(configuration, image), {
    context: plan,
    defaults,
    fileEnv: [],
    secrets: {},
  });
  if (port !== undefined && vm.network?.mode !== "networks" && debug) {
    throw invalid(
      l10n.t(
        "The debugger cannot be reached through the network {0}.",
        text(configuration, "network") ?? defaults.network,
      ),
      l10n.t('Add "network": "bridge" to the debug configuration'),
    );
  }
  return {
    kind: "launch",
    language,
    transport,
    port,
    command,
    // Where Delve builds, which finds the module from there.
    ...(languageOf(target.program) === "go" ? { workingDir: packageOf(target.program) } : {}),
    console: target.console,
    image,
    waiters: [["cat"], ...(debuggers[language].waiter?.(command) ?? [])],
    shared,
    debug,
    vm: {
      ...vm,
      entrypoint: [],
      workingDir: target.cwd,
      tty: false,
      openStdin: true,
      // The main process reads the end of its input when the editor goes away, and the VM ends with it.
      stdinOnce: true,
      autoRemove: true,
      labels: { "mocker.debug": configuration.name },
      mounts: [
        { type: "bind", source: shared.local, target: shared.remote, readOnly: false },
        ...(debugpy === undefined
          ? []
          : [{ type: "bind" as const, source: debugpy, target: debugpyTarget, readOnly: true }]),
        ...(vm.mounts ?? []),
      ],
      ports: [
        ...(ports ?? []),
        ...(port === undefined || !debug
          ? []
          : [{ protocol: "tcp" as const, guestPort: port, hostAddress: "127.0.0.1" }]),
      ],
    },
    startArguments:
      transport === "inspector"
        ? { continueOnAttach: !target.stopOnEntry, ...others(configuration) }
        : { ...debuggers[language].launch(target), request: "launch", ...others(configuration) },
  };
}

function planAttach(configuration: DebugConfiguration, { plan }: DebugContext): AttachPlan {
  const vm = text(configuration, "vm");
  if (vm === undefined) {
    throw invalid(
      l10n.t('The debug configuration "{0}" names no VM.', configuration.name),
      l10n.t('Add the name of a VM that runs, such as "vm": "web"'),
    );
  }
  const language = languageFor(configuration, undefined);
  const { transport: usual, port: usualPort, listening } = debuggers[language];
  // By its number a program is found in the VM; else by its debugger's port.
  const dials = listening !== undefined && configuration.processId === undefined;
  const transport = dials ? "tcp" : usual;
  const local = text(configuration, "localRoot") ?? plan.workspaceFolder;
  const remote = text(configuration, "remoteRoot");
  return {
    kind: "attach",
    language,
    transport,
    port: number(configuration, "port") ?? (dials ? listening.port : usualPort),
    command: transport === "stdio" ? adapterCommand(configuration, language, {}) : [],
    console: consoleOf(configuration),
    vm,
    shared: local === undefined || remote === undefined ? undefined : { local, remote },
    workspaceFolder: plan.workspaceFolder,
    startArguments: {
      ...(transport === "inspector" ? {} : { request: "attach" }),
      ...(dials ? listening.attach : {}),
      ...others(configuration),
    },
  };
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: VS Code's own variable
const workspaceVariable = "${workspaceFolder}";

function languageFor(configuration: DebugConfiguration, program: string | undefined): Language {
  const named = configuration.language;
  if (named === undefined) {
    if (Array.isArray(configuration.adapter)) return "native";
    return (program === undefined ? "node" : languageOf(program)) ?? "native";
  }
  const language = languages.find((candidate) => candidate === named);
  if (language === undefined) {
    throw invalid(
      l10n.t('Mocker has no debugger for the language "{0}".', String(named)),
      l10n.t("Write one of {0}", languages.join(", ")),
    );
  }
  return language;
}

function nodeCommand(configuration: DebugConfiguration, target: Target, port: number | undefined): string[] {
  return [
    text(configuration, "runtimeExecutable") ?? "node",
    ...texts(configuration, "runtimeArgs"),
    ...(port === undefined ? [] : [`--inspect-brk=0.0.0.0:${port}`]),
    target.program,
    ...target.args,
  ];
}

function adapterCommand(
  configuration: DebugConfiguration,
  language: Language,
  {
    port,
    debugpy,
    shared,
  }: { port?: number | undefined; debugpy?: string | undefined; shared?: SharedDirectory },
): string[] {
  const named = texts(configuration, "adapter");
  const usualWords = [
    ...(debugpy === undefined ? debuggers[language].command : injectedAdapter),
    ...(language === "native" && shared !== undefined ? ["sh", shared.local, shared.remote] : []),
  ];
  const words = named.length > 0 ? named : usualWords;
  const usual = debuggers[language].port;
  return words.map((word) => (port === undefined ? word : word.replace(`:${usual}`, `:${port}`)));
}

/** What the two kinds of configurations have in common, checked. */
function vmConfiguration(configuration: DebugConfiguration, image: string): RunConfiguration {
  const members = vmMembers.flatMap((name) =>
    configuration[name] === undefined ? [] : [[name, configuration[name]] as const],
  );
  const checked = { name: configuration.name, image, ...Object.fromEntries(members) };
  const problem = problemOf(checked);
  if (problem !== undefined) {
    throw invalid(
      l10n.t('The debug configuration "{0}" {1}.', configuration.name, problem),
      l10n.t("Correct it in launch.json"),
    );
  }
  return checked;
}

function others(configuration: DebugConfiguration): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(configuration).filter(([name]) => !ownMembers.has(name) && !name.startsWith("__")),
  );
}

function consoleOf(configuration: DebugConfiguration): Target["console"] {
  return configuration.console === "integratedTerminal" ? "integratedTerminal" : "internalConsole";
}

function wrongValue(configuration: DebugConfiguration, name: string): MockerError {
  return invalid(
    l10n.t('The debug configuration "{0}" has a wrong value for "{1}".', configuration.name, name),
    l10n.t("Correct it in launch.json"),
  );
}

function text(configuration: DebugConfiguration, name: string): string | undefined {
  const value = configuration[name];
  if (value !== undefined && typeof value !== "string") throw wrongValue(configuration, name);
  return value === "" ? undefined : value;
}

function number(configuration: DebugConfiguration, name: string): number | undefined {
  const value = configuration[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > 65_535) {
    throw wrongValue(configuration, name);
  }
  return value;
}

function texts(configuration: DebugConfiguration, name: string): string[] {
  const value = configuration[name] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw wrongValue(configuration, name);
  }
  return value;
}

function record(configuration: DebugConfiguration, name: string): Record<string, string> {
  const value = configuration[name] ?? {};
  if (typeof value !== "object" || value === null) throw wrongValue(configuration, name);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)]));
}
