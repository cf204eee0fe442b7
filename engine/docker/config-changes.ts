import { MockerError } from "../protocol/errors.ts";
import { parseDuration } from "./durations.ts";

/** The run configuration of an image as Docker writes it (image-spec config.md, "config"). */
export interface DockerConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  OnBuild?: string[];
  Healthcheck?: {
    Test: string[];
    Interval?: number;
    Timeout?: number;
    StartPeriod?: number;
    Retries?: number;
  };
}

/** `config` with what `given` says otherwise (moby, daemon/commit.go, "merge"). */
export function mergedConfig(config: DockerConfig, given: DockerConfig): DockerConfig {
  const names = new Set((given.Env ?? []).map((variable) => variable.split("=")[0]));
  const env = (config.Env ?? []).filter((variable) => !names.has(variable.split("=")[0] ?? ""));
  return {
    ...config,
    // The command of another entry point means nothing.
    ...(given.Entrypoint && !given.Cmd ? { Cmd: [] } : {}),
    ...given,
    ...(given.Env ? { Env: [...env, ...given.Env] } : {}),
    ...(given.ExposedPorts ? { ExposedPorts: { ...config.ExposedPorts, ...given.ExposedPorts } } : {}),
    ...(given.Labels ? { Labels: { ...config.Labels, ...given.Labels } } : {}),
    ...(given.Volumes ? { Volumes: { ...config.Volumes, ...given.Volumes } } : {}),
  };
}

const shell = ["/bin/sh", "-c"];

/** Instructions of a Dockerfile that `import -c` and `commit -c` take. */
const instructions: Record<string, (config: DockerConfig, text: string) => DockerConfig> = {
  cmd: (config, text) => ({ ...config, Cmd: command(text) }),
  // As in Docker: a new entry point makes the old command meaningless.
  entrypoint: (config, text) => ({ ...config, Entrypoint: command(text), Cmd: config.Cmd ?? [] }),
  env: (config, text) => {
    const pairs = keyValues("ENV", text);
    const names = new Set(pairs.map(([name]) => name));
    const rest = (config.Env ?? []).filter((variable) => !names.has(variable.split("=")[0] ?? ""));
    return { ...config, Env: [...rest, ...pairs.map(([name, value]) => `${name}=${value}`)] };
  },
  expose: (config, text) => ({
    ...config,
    ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(words(text).flatMap(ports)) },
  }),
  healthcheck: (config, text) => ({ ...config, Healthcheck: healthcheck(text) }),
  label: (config, text) => ({
    ...config,
    Labels: { ...config.Labels, ...Object.fromEntries(keyValues("LABEL", text)) },
  }),
  onbuild: (config, text) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), text] }),
  stopsignal: (config, text) => ({ ...config, StopSignal: text }),
  user: (config, text) => ({ ...config, User: text }),
  volume: (config, text) => {
    const paths = jsonList(text) ?? words(text);
    return {
      ...config,
      Volumes: { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) },
    };
  },
  workdir: (config, text) => ({
    ...config,
    WorkingDir: text.startsWith("/") ? text : `${config.WorkingDir ?? ""}/${text}`.replace(/\/+/g, "/"),
  }),
};

/**
 * A configuration with changes applied, each one instruction of a Dockerfile. Throws INVALID_ARGUMENT in
 * Docker's words.
 */
export function applyChanges(config: DockerConfig, changes: readonly string[]): DockerConfig {
  let changed = config;
  for (const change of changes.flatMap((text) => text.split("\n"))) {
    const line = change.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, name = "", text = ""] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
    const apply = instructions[name.toLowerCase()];
    if (!apply || !Object.hasOwn(instructions, name.toLowerCase()))
      throw new MockerError("INVALID_ARGUMENT", `${name} is not a valid change command`, {
        hint: `These are: ${Object.keys(instructions).join(", ").toUpperCase()}.`,
      });
    if (text === "")
      throw new MockerError("INVALID_ARGUMENT", `${name.toUpperCase()} requires at least one argument`);
    changed = apply(changed, text);
  }
  return changed;
}

/** The exec form (a JSON list), or else a command for the shell. */
function command(text: string): string[] {
  return jsonList(text) ?? [...shell, text];
}

function jsonList(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list) && list.every((item) => typeof item === "string")) return list;
  } catch {
    // As in Docker: then it is a command for the shell.
  }
  return undefined;
}

/** Words as a shell has them, without its expansions. */
function words(text: string): string[] {
  const found = text.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs) ?? [];
  return found.map((word) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs, (_, double, single, escaped) =>
      double !== undefined ? double.replace(/\\(["\\$])/g, "$1") : (single ?? escaped),
    ),
  );
}

/** `A=1 B="2 3"`, or of old `A 1`. */
function keyValues(instruction: string, text: string): [string, string][] {
  const [first = ""] = words(text);
  if (!first.includes("=")) {
    const [, name = "", value] = /^(\S+)\s+(.*)$/s.exec(text) ?? [];
    if (value === undefined)
      throw new MockerError("INVALID_ARGUMENT", `${instruction} must have two arguments`);
    return [[name, words(value).length === 1 ? (words(value)[0] ?? "") : value]];
  }
  return words(text).map((word) => {
    const equals = word.indexOf("=");
    if (equals <= 0)
      throw new MockerError(
        "INVALID_ARGUMENT",
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      );
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function ports(text: string): [string, object][] {
  const [, first = "", last = first, protocol = "tcp"] =
    /^([0-9]+)(?:-([0-9]+))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last || first)];
  if (first === "" || from > to || to > 65535)
    throw new MockerError("INVALID_ARGUMENT", `invalid containerPort: ${text}`);
  return Array.from({ length: to - from + 1 }, (_, i) => [`${from + i}/${protocol.toLowerCase()}`, {}]);
}

function healthcheck(text: string): NonNullable<DockerConfig["Healthcheck"]> {
  if (/^none$/i.test(text.trim())) return { Test: ["NONE"] };
  const [, options = "", body] = /^((?:--\S+\s+)*)CMD\s+(.*)$/is.exec(text) ?? [];
  if (body === undefined)
    throw new MockerError(
      "INVALID_ARGUMENT",
      `Unknown type ${JSON.stringify(text.split(" ")[0])} in HEALTHCHECK (try CMD)`,
    );
  const list = jsonList(body);
  const check: NonNullable<DockerConfig["Healthcheck"]> = {
    Test: list ? ["CMD", ...list] : ["CMD-SHELL", body],
  };
  for (const option of words(options)) {
    const [, name = "", value = ""] = /^--([a-z-]+)=(.*)$/.exec(option) ?? [];
    if (name === "interval") check.Interval = duration(value);
    else if (name === "timeout") check.Timeout = duration(value);
    else if (name === "start-period") check.StartPeriod = duration(value);
    else if (name === "retries" && /^[0-9]+$/.test(value)) check.Retries = Number(value);
    else throw new MockerError("INVALID_ARGUMENT", `Unknown flag: ${option}`);
  }
  return check;
}

/** Nanoseconds, as Docker's API has them. */
function duration(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined)
    throw new MockerError("INVALID_ARGUMENT", `time: invalid duration ${JSON.stringify(text)}`);
  return Math.round(milliseconds * 1e6);
}
