import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDockerd } from "../fixtures/docker/dockerd.ts";
import { runTool, SetupError } from "../support/host.ts";
import { Mocker } from "../support/mocker.ts";
import { RunningProcess } from "../support/running-process.ts";
import { removeTree, shortTmpDir } from "../support/tmp-dir.ts";
import { normalise, type Outcome, type SideName } from "./normalise.ts";

const lineTimeoutMs = 60_000;

/** Takes away what a session has left. */
const reset = [
  "docker ps -aq | xargs -r docker rm -fv",
  "docker volume ls -q | xargs -r docker volume rm -f",
  "docker network ls -q --filter type=custom | xargs -r docker network rm",
  "docker images --format '{{.ID}}' | sort -u | xargs -r docker rmi -f",
].join("; ");

const linesFirstPort = 18_000;

/** The text with ports of one thousand, from a first one on, as those of another. */
function withPorts(text: string, from: number, to: number): string {
  const thousands = new RegExp(`(?<![\\d.])${from / 1000}(?=\\d{3}(?!\\d))`, "g");
  return text.replace(thousands, String(to / 1000));
}

interface SideOptions {
  readonly name: SideName;
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** The program that lines call `docker`. */
  readonly argv: readonly string[];
  /** Of the host's: what lines call 18000 to 18999, where another side has those at the same time. */
  readonly firstPort?: number;
  /** What `docker load` makes the images of that each session finds. */
  readonly archives: readonly string[];
  close(): Promise<void>;
}

/** A program, with a directory that its lines run in. */
export class Side {
  readonly #options: SideOptions;

  constructor(options: SideOptions) {
    this.#options = options;
    const { root, argv } = options;
    mkdirSync(join(root, "bin"));
    const program = join(root, "bin", "docker");
    writeFileSync(program, `#!/bin/sh\nexec ${argv.join(" ")} "$@"\n`);
    chmodSync(program, 0o755);
  }

  /** Runs one line after the other, in a new directory. Rejects when one takes too long. */
  async runAll(lines: readonly string[]): Promise<Outcome[]> {
    const { name, root, archives, firstPort = linesFirstPort } = this.#options;
    const cwd = join(root, "w");
    removeTree(cwd);
    mkdirSync(cwd);
    const loads = archives.map((archive) => `docker load -q -i ${archive}`);
    await this.#run([reset, ...loads].join("; "), cwd);
    const outcomes: Outcome[] = [];
    for (const line of lines) {
      const outcome = await this.#run(withPorts(line, linesFirstPort, firstPort), cwd);
      const [stdout, stderr] = [outcome.stdout, outcome.stderr].map((text) =>
        withPorts(text, firstPort, linesFirstPort),
      ) as [string, string];
      outcomes.push(normalise({ ...outcome, stdout, stderr }, name, root));
    }
    return outcomes;
  }

  async close(): Promise<void> {
    await this.#run(reset, this.#options.root);
    await this.#options.close();
  }

  async #run(line: string, cwd: string): Promise<Outcome> {
    const { root, env } = this.#options;
    const child = spawn("sh", ["-c", line], {
      cwd,
      env: { ...env, PATH: `${join(root, "bin")}:${env.PATH}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const running = new RunningProcess(child, line);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      running.kill();
    }, lineTimeoutMs);
    const { code, stdout, stderr } = await running.exited;
    clearTimeout(timer);
    if (late) throw new Error(`${this.#options.name}: no end within ${lineTimeoutMs} ms: ${line}`);
    return { exit: String(code), stdout: stdout.toString(), stderr };
  }
}

/** Docker's command line is the 28 that is on PATH: texts are what differs most between versions. */
async function dockerProgram(): Promise<string> {
  const program = (await runTool("sh", ["-c", "command -v docker || true"])).trim();
  const version = program && (await runTool(program, ["--version"]));
  if (!version.startsWith("Docker version 28."))
    throw new SetupError(`this test needs Docker's command line 28 on PATH, there is: ${version || "none"}`);
  return program;
}

/** Docker 28's command line against a real daemon. Needs root. @param archives of `docker save` */
export async function dockerSide(archives: readonly string[]): Promise<Side> {
  if (process.getuid?.() !== 0) throw new SetupError("this test runs a real dockerd, which needs root");
  const program = await dockerProgram();
  const dockerd = await startDockerd({ containers: true });
  const root = shortTmpDir();
  mkdirSync(join(root, "h"));
  return new Side({
    name: "docker",
    root,
    env: { PATH: process.env.PATH, HOME: join(root, "h"), DOCKER_HOST: dockerd.host, TERM: "xterm" },
    argv: [program],
    archives,
    async close() {
      removeTree(root);
      await dockerd.stop();
    },
  });
}

/** Mocker's on the simulation. @param archives of `docker save` */
export function cliSide(archives: readonly string[]): Side {
  const mocker = new Mocker();
  return new Side({
    name: "cli",
    root: mocker.dir,
    env: mocker.environment(),
    argv: mocker.argv([]),
    archives,
    close: () => mocker.close(),
  });
}

/** Docker 28's command line at Mocker's socket, on the simulation. @param archives of `docker save` */
export async function socketSide(archives: readonly string[]): Promise<Side> {
  const program = await dockerProgram();
  const mocker = new Mocker();
  // Starts the engine.
  await mocker.ok(["info"]);
  return new Side({
    name: "socket",
    root: mocker.dir,
    env: mocker.environment({ DOCKER_HOST: `unix://${join(mocker.runDir, "docker.sock")}` }),
    argv: [program],
    firstPort: 28_000,
    archives,
    close: () => mocker.close(),
  });
}
