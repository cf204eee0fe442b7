/** Records of the engine's for tests of what the extension makes of them. */
import type { ImageSummary, VmSummary } from "../../../engine/protocol/index.ts";

export function vmSummary(more: Partial<VmSummary> = {}): VmSummary {
  return {
    id: "1",
    name: "web",
    image: "alpine",
    imageId: "sha256:a",
    command: ["sh"],
    createdAt: "2026-01-01T00:00:00Z",
    state: "running",
    status: "Up 1 second",
    runtime: "krun",
    startedAt: "2026-01-01T00:00:01Z",
    labels: {},
    mounts: [],
    networks: ["bridge"],
    ports: [],
    ...more,
  };
}

export function imageSummary(more: Partial<ImageSummary> = {}): ImageSummary {
  return {
    id: "sha256:a",
    repoTags: ["alpine:latest"],
    repoDigests: [],
    created: "2026-01-01T12:00:00Z",
    sizeBytes: 7_730_000,
    architecture: "amd64",
    os: "linux",
    labels: {},
    ...more,
  };
}
