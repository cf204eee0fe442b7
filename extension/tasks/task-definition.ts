/** What `tasks.json` may say of a task of the type `mocker`. */
import { MockerError } from "../../engine/protocol/index.ts";
import { l10n } from "../l10n.ts";

/** Runs a configuration of `.vscode/mocker.json` in a VM of its own. */
export interface RunTask {
  kind: "run";
  configuration: string;
}

/** Runs a command in a VM that runs. */
export interface ExecTask {
  kind: "exec";
  /** Name or ID. */
  vm: string;
  /** Words; a command that was given as one text goes to the VM's shell. */
  command: string[];
  /** Path in the VM. */
  cwd?: string;
  /** `KEY=value`. */
  env: string[];
  user?: string;
}

const example = '{ "type": "mocker", "run": "web" }';

function invalid(message: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message, {
    hint: l10n.t("Write for example {0}, or exec with a command and the name of a VM", example),
  });
}

/** Throws MockerError that says what is wrong with the definition. */
export function parseTask(definition: Readonly<Record<string, unknown>>): RunTask | ExecTask {
  const { run, exec, vm, cwd, env, user } = definition;
  if ((run === undefined) === (exec === undefined)) {
    throw invalid(l10n.t("A task of the type mocker has either run or exec."));
  }
  if (run !== undefined) {
    if (!isText(run)) throw invalid(l10n.t("run is not the name of a run configuration."));
    return { kind: "run", configuration: run };
  }
  if (!isText(vm)) throw invalid(l10n.t("The task does not say in which VM it runs."));
  if (
    !isText(exec) &&
    !(Array.isArray(exec) && exec.length > 0 && exec.every((word) => typeof word === "string"))
  ) {
    throw invalid(l10n.t("exec is neither a command nor a list of its words."));
  }
  return {
    kind: "exec",
    vm,
    command: isText(exec) ? ["/bin/sh", "-c", exec] : exec,
    env: variables(env),
    ...(isText(cwd) ? { cwd } : {}),
    ...(isText(user) ? { user } : {}),
  };
}

function variables(env: unknown): string[] {
  if (env === undefined) return [];
  if (typeof env !== "object" || env === null || Array.isArray(env)) {
    throw invalid(l10n.t("env is not an object of variables."));
  }
  return Object.entries(env).map(([name, value]) => `${name}=${String(value)}`);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Exit status of a task whose process did not start: a shell's and Docker's. */
export function statusOf({ code }: MockerError): number {
  if (code === "COMMAND_NOT_FOUND") return 127;
  return code === "COMMAND_NOT_EXECUTABLE" ? 126 : 125;
}
