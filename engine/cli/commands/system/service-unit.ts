/**
 * The systemd user unit by which the engine starts at boot, and with it the VMs whose policy wants them to
 * run.
 */
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

export const unitName = "mocker.service";

/** systemd.unit(5): where a user's own units are. */
export function unitPath(env: Environment, home: string): string {
  const config = env.XDG_CONFIG_HOME?.startsWith("/") ? env.XDG_CONFIG_HOME : join(home, ".config");
  return join(config, "systemd", "user", unitName);
}

/** Those that say where the engine's data and sockets are. */
const keptVariables = [
  "MOCKER_DATA_DIR",
  "MOCKER_RUN_DIR",
  "MOCKER_LIBKRUN",
  "XDG_DATA_HOME",
  "XDG_CONFIG_HOME",
];

/**
 * The unit's text. Its engine does not end when nobody needs it. When the engine is stopped its VMs go on
 * running (KillMode); that another engine runs already is no failure (status 75).
 */
export function unitText(nodePath: string, enginePath: string, env: Environment): string {
  const variables = keptVariables.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [`Environment="${escaped(`${name}=${value}`)}"`];
  });
  return [
    "[Unit]",
    "Description=Mocker's engine",
    "",
    "[Service]",
    // Here, and not above, variables would be put in.
    `ExecStart=${[nodePath, "--", enginePath].map((word) => `"${escaped(word).replaceAll("$", "$$$$")}"`).join(" ")}`,
    ...variables,
    // Docker's clients cannot start an engine: their socket is there as long as this one.
    "Environment=MOCKER_IDLE_SECONDS=0",
    "Restart=on-failure",
    "KillMode=process",
    "SuccessExitStatus=75",
    "",
    "[Install]",
    "WantedBy=default.target",
    "",
  ].join("\n");
}

/**
 * What stands between quotes, where `%` stands for itself when doubled: systemd.syntax(7), systemd.unit(5).
 */
function escaped(word: string): string {
  return word.replace(/["\\]/g, "\\$&").replaceAll("%", "%%");
}
