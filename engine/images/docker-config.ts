import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { MockerError } from "../protocol/errors.ts";

/** What a registry is shown. */
export type Credential =
  | { kind: "basic"; username: string; password: string }
  /** An OAuth2 refresh token, for the token server only. */
  | { kind: "identity"; token: string }
  /** A bearer token for the registry itself. */
  | { kind: "registry"; token: string };

/** Docker Hub's key in the file is an address of its first version. */
const hubKey = "https://index.docker.io/v1/";

const helperTimeoutMs = 30_000;

/**
 * The credentials that `docker login` left: `config.json` in $DOCKER_CONFIG or ~/.docker, with `auths`, `credHelpers` and
 * `credsStore`. Read afresh for each question, so that a new login counts at once.
 *
 * @param domain as in a reference, e.g. `docker.io` or `localhost:5000`
 */
export async function findCredential(
  domain: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Credential | undefined> {
  const path = join(environment.DOCKER_CONFIG || join(homedir(), ".docker"), "config.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    return undefined;
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    throw new MockerError("UNAUTHORIZED", `${path} is not valid JSON`, {
      hint: "Repair or remove the file, then log in again.",
    });
  }
  const root = member(config);
  const key = domain === "docker.io" ? hubKey : domain;
  const helper = member(root.credHelpers)[key] ?? member(root.credHelpers)[domain] ?? root.credsStore;
  if (typeof helper === "string" && helper !== "") {
    const found = await askHelper(helper, key, environment);
    if (found) return found;
  }
  const auths = member(root.auths);
  for (const [name, value] of Object.entries(auths)) {
    if (name !== key && hostOf(name) !== (domain === "docker.io" ? "index.docker.io" : domain)) continue;
    const found = fromEntry(member(value));
    if (found) return found;
  }
  return undefined;
}

function member(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Old files have whole addresses as keys. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

function fromEntry(entry: Record<string, unknown>): Credential | undefined {
  const identity = entry.identitytoken;
  if (typeof identity === "string" && identity !== "") return { kind: "identity", token: identity };
  const registry = entry.registrytoken;
  if (typeof registry === "string" && registry !== "") return { kind: "registry", token: registry };
  const auth = entry.auth;
  if (typeof auth === "string" && auth !== "") {
    const decoded = Buffer.from(auth, "base64").toString("utf8");
    const colon = decoded.indexOf(":");
    if (colon > 0)
      return {
        kind: "basic",
        username: decoded.slice(0, colon),
        password: decoded.slice(colon + 1).replace(/\0+$/, ""),
      };
  }
  const { username, password } = entry;
  return typeof username === "string" && typeof password === "string" && username !== ""
    ? { kind: "basic", username, password }
    : undefined;
}

/**
 * github.com/docker/docker-credential-helpers: `docker-credential-NAME get`, the server's name on standard input, JSON on
 * standard output. "credentials not found" is no error.
 */
function askHelper(
  name: string,
  server: string,
  environment: NodeJS.ProcessEnv,
): Promise<Credential | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    throw new MockerError(
      "UNAUTHORIZED",
      `the credential helper "${name}" in Docker's config.json has no valid name`,
    );
  const program = `docker-credential-${name}`;
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], {
      env: environment,
      stdio: ["pipe", "pipe", "ignore"],
    });
    // Not spawn's own time limit: its timer outlives a program that cannot be started.
    const timer = setTimeout(() => child.kill("SIGKILL"), helperTimeoutMs);
    const settled = (): void => clearTimeout(timer);
    child.once("error", settled).once("close", settled);
    let output = "";
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (text: string) => {
      if (output.length < 1 << 20) output += text;
    });
    // A helper that does not read its input is not worth an error of its own.
    child.stdin.on("error", () => {});
    child.stdin.end(server);
    child.on("error", () =>
      reject(
        new MockerError("UNAUTHORIZED", `the credential helper ${program} cannot be started`, {
          hint: "Install it, or remove it from Docker's config.json and log in again.",
        }),
      ),
    );
    child.on("close", (code, signal) => {
      if (code !== 0) {
        if (/credentials not found/i.test(output)) return resolve(undefined);
        // Its output may hold secrets: not quoted.
        return reject(
          new MockerError(
            "UNAUTHORIZED",
            `the credential helper ${program} failed (${signal ?? `exit status ${code}`})`,
            {
              hint: `Run "docker login" again, or test the helper with: echo ${server} | ${program} get`,
            },
          ),
        );
      }
      try {
        const answer = member(JSON.parse(output));
        const username = answer.Username;
        const secret = answer.Secret;
        if (typeof username !== "string" || typeof secret !== "string" || secret === "")
          return resolve(undefined);
        resolve(
          username === "<token>"
            ? { kind: "identity", token: secret }
            : { kind: "basic", username, password: secret },
        );
      } catch {
        reject(new MockerError("UNAUTHORIZED", `the credential helper ${program} gave no valid answer`));
      }
    });
  });
}
