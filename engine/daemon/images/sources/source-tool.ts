import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { temporaryName } from "../../../common/atomic-file.ts";
import { MockerError } from "../../../protocol/errors.ts";

export type ToolTransport = "docker-daemon" | "containers-storage";

interface Tool {
  program: string;
  arguments: (reference: string, file: string) => string[];
  format: "docker-archive" | "oci-archive";
}

/** skopeo reads both; else the tool that keeps the images saves them itself. */
const tools: Record<ToolTransport, Tool[]> = {
  "docker-daemon": [
    {
      program: "skopeo",
      arguments: (reference, file) => [
        "copy",
        "--quiet",
        `docker-daemon:${reference}`,
        `docker-archive:${file}:${reference}`,
      ],
      format: "docker-archive",
    },
    {
      program: "docker",
      arguments: (reference, file) => ["save", "--output", file, reference],
      format: "docker-archive",
    },
  ],
  "containers-storage": [
    {
      program: "skopeo",
      arguments: (reference, file) => [
        "copy",
        "--quiet",
        `containers-storage:${reference}`,
        `docker-archive:${file}:${reference}`,
      ],
      format: "docker-archive",
    },
    {
      program: "podman",
      arguments: (reference, file) => ["save", "--format", "docker-archive", "--output", file, reference],
      format: "docker-archive",
    },
  ],
};

/**
 * Has another tool write an image that it keeps into a temporary archive; returns the archive's path.
 *
 * @param reference with a tag, as the tools want it
 * @param options.dockerHost the daemon's address; by default the one of the engine's environment
 */
export async function saveWithTool(
  transport: ToolTransport,
  reference: string,
  temporaryDirectory: string,
  { signal, dockerHost }: { signal: AbortSignal; dockerHost?: string | undefined },
): Promise<string> {
  const env = dockerHost === undefined ? process.env : { ...process.env, DOCKER_HOST: dockerHost };
  const tried: string[] = [];
  let failure = "";
  for (const tool of tools[transport]) {
    const file = join(temporaryDirectory, temporaryName("saved"));
    const outcome = await run(tool.program, tool.arguments(reference, file), env, signal);
    if (outcome === "ok") return file;
    rmSync(file, { force: true });
    signal.throwIfAborted();
    tried.push(tool.program);
    if (outcome !== "missing") failure = `${tool.program}: ${outcome}`;
  }
  if (failure !== "")
    throw new MockerError("IMAGE_NOT_FOUND", `cannot get ${reference} from ${transport}: ${failure}`, {
      hint: `Check that the image is there and that ${tried.at(-1)} works.`,
    });
  throw new MockerError(
    "FEATURE_UNAVAILABLE",
    `${transport}: needs ${tried.join(" or ")}, and none is installed`,
    {
      hint: `Install ${tried[0]}, or save the image to a file and use docker-archive:FILE.`,
    },
  );
}

/** "ok", "missing" if there is no such program, else what it complained of. */
function run(program: string, args: string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env,
      signal,
      killSignal: "SIGTERM",
    });
    let errors = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => {
      errors = (errors + text).slice(-2000);
    });
    child.on("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "ENOENT" ? "missing" : error.message),
    );
    child.on("close", (code, name) =>
      resolve(code === 0 ? "ok" : errors.trim() || `${name ?? `exit status ${code}`}`),
    );
  });
}
