import type { DockerConfig } from "../../../docker/config-changes.ts";
import { isVolume } from "../open-mounts.ts";
import { baseEnv } from "../process-env.ts";
import type { VmConfig } from "../records/vm-record.ts";

/**
 * How a VM is run, as the configuration of an image that is made of it: what its image says and its user has
 * changed. Without what each VM gets anew, and without secrets.
 */
export function committedConfig(config: VmConfig): DockerConfig {
  const { labels } = config;
  // Records of older versions have it among the user's.
  const given = new Set(baseEnv(config, config.tty));
  const anonymous = config.mounts.flatMap((mount) =>
    isVolume(mount) && mount.anonymous === true ? [mount.target] : [],
  );
  return {
    Env: config.env.filter((assignment) => assignment.startsWith("PATH=") || !given.has(assignment)),
    Cmd: config.cmd,
    ...(config.entrypoint.length > 0 ? { Entrypoint: config.entrypoint } : {}),
    ...(config.user === "" ? {} : { User: config.user }),
    ...(config.workingDir === "/" ? {} : { WorkingDir: config.workingDir }),
    ...(Object.keys(labels).length > 0 ? { Labels: labels } : {}),
    ...(config.exposedPorts.length > 0 ? { ExposedPorts: keys(config.exposedPorts) } : {}),
    ...(anonymous.length > 0 ? { Volumes: keys(anonymous) } : {}),
    ...(config.stopSignal === "SIGTERM" ? {} : { StopSignal: config.stopSignal }),
  };
}

function keys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
