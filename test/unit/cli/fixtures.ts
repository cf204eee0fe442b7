import type {
  ImageDetails,
  ImageSummary,
  VmDetails,
  VmStats,
  VmSummary,
  VolumeSummary,
} from "../../../engine/protocol/index.ts";

export const vmId = "4f2a".repeat(16);
export const imageId = `sha256:${"c0de".repeat(16)}`;

export function vmSummary(changes: Partial<VmSummary> = {}): VmSummary {
  return {
    id: vmId,
    name: "brave_otter",
    image: "alpine",
    imageId,
    command: ["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"],
    createdAt: new Date(Date.now() - 125_000).toISOString(),
    state: "running",
    status: "Up 2 minutes",
    runtime: "krun",
    labels: { tier: "web", app: "shop" },
    mounts: [{ type: "bind", source: "/home/user/a/long/path", target: "/data", readOnly: true }],
    networks: ["bridge"],
    ports: [],
    ...changes,
  };
}

export function vmDetails(
  changes: Partial<VmDetails> = {},
  config: Partial<VmDetails["config"]> = {},
): VmDetails {
  return {
    ...vmSummary(),
    createdAt: "2024-05-01T12:00:00.5Z",
    startedAt: "2024-05-01T12:00:01Z",
    config: {
      hostname: "4f2a4f2a4f2a",
      env: ["PATH=/usr/bin:/bin"],
      secretEnv: [],
      workingDir: "/",
      user: "",
      tty: false,
      openStdin: false,
      stdinOnce: false,
      entrypoint: [],
      cmd: ["nginx"],
      autoRemove: false,
      cpus: 2,
      memoryMiB: 512,
      network: { mode: "networks", attachments: [{ network: "bridge" }] },
      domainname: "",
      dns: {},
      extraHosts: [],
      exposedPorts: [],
      publishAll: false,
      ports: [],
      securityOpt: [],
      log: { driver: "local", options: {} },
      stopSignal: "SIGTERM",
      stopTimeoutSeconds: 10,
      restart: { name: "no", maximumRetryCount: 0 },
      guest: {},
      annotations: {},
      ...config,
    },
    restartCount: 0,
    endpoints: [],
    pid: 4711,
    logPath: "/data/state/x/log",
    stateDir: "/data/state/x",
    ...changes,
  };
}

export function vmStats(changes: Partial<VmStats> = {}): VmStats {
  return {
    id: vmId,
    name: "brave_otter",
    running: true,
    readAtMs: 1000,
    cpuMs: 0,
    cpus: 2,
    memoryUsedBytes: 100 * 1024 * 1024,
    memoryLimitBytes: 512 * 1024 * 1024,
    hostMemoryBytes: 200 * 1024 * 1024,
    networkReceivedBytes: 1_230,
    networkSentBytes: 456,
    blockReadBytes: 7_800_000,
    blockWrittenBytes: 0,
    pids: 5,
    ...changes,
  };
}

export function volumeSummary(changes: Partial<VolumeSummary> = {}): VolumeSummary {
  return {
    name: "data",
    driver: "local",
    createdAt: "2026-01-02T03:04:05.678Z",
    mountpoint: "/d/volumes/data/_data",
    anonymous: false,
    labels: {},
    options: {},
    users: [],
    ...changes,
  };
}

export function imageSummary(changes: Partial<ImageSummary> = {}): ImageSummary {
  return {
    id: imageId,
    repoTags: ["alpine:latest"],
    repoDigests: [`alpine@sha256:${"d1".repeat(32)}`],
    created: new Date(Date.now() - 21 * 24 * 3600 * 1000).toISOString(),
    sizeBytes: 7_730_000,
    architecture: "amd64",
    os: "linux",
    labels: {},
    ...changes,
  };
}

export function imageDetails(): ImageDetails {
  return {
    ...imageSummary(),
    created: "2024-05-01T12:00:00Z",
    manifestDigest: `sha256:${"d1".repeat(32)}`,
    config: {
      env: ["A=1"],
      entrypoint: [],
      cmd: ["/bin/sh"],
      workingDir: "/srv",
      user: "nobody",
      stopSignal: "",
      exposedPorts: ["80/tcp"],
      volumes: [],
      labels: { maintainer: "me" },
    },
    layers: [{ digest: `sha256:${"aa".repeat(32)}`, diffId: `sha256:${"bb".repeat(32)}`, sizeBytes: 1 }],
    author: "",
  };
}
