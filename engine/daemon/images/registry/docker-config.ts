import { mkdirSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../../../common/atomic-file.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { runHelper } from "./credential-helper.ts";

/** A log-in for a registry. */
export type Credential =
  | { kind: "basic"; username: string; password: string }
  /** An OAuth2 refresh token, for the token server only. */
  | { kind: "identity"; token: string }
  /** A bearer token for the registry itself. */
  | { kind: "registry"; token: string };

/** Docker Hub's key in the file is an address of its first version. */
const hubKey = "https://index.docker.io/v1/";

/**
 * The credentials that `docker login` left: `config.json` in $DOCKER_CONFIG or ~/.docker, with `auths`,
 * `credHelpers` and `credsStore`. Read afresh for each question, so that a new login counts at once.
 *
 * @param domain as in a reference, e.g. `docker.io` or `localhost:5000`
 */
export async function findCredential(
  domain: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Credential | undefined> {
  // One that cannot be read is no reason not to pull what everybody may.
  const root = await readConfig(configPath(environment), () => ({}));
  const key = keyOf(domain);
  const helper = helperOf(root, key, domain);
  if (helper !== undefined) {
    const found = await askHelper(helper, key, environment);
    if (found) return found;
  }
  const auths = member(root.auths);
  for (const [name, value] of Object.entries(auths)) {
    if (!isNameOf(name, domain)) continue;
    const found = credentialOf(member(value));
    if (found) return found;
  }
  return undefined;
}

function member(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** The key of a registry in Docker's config.json. */
export function keyOf(domain: string): string {
  return domain === "docker.io" ? hubKey : domain;
}

/** Whether a key of the file means this registry. */
function isNameOf(key: string, domain: string): boolean {
  return key === keyOf(domain) || hostOf(key) === (domain === "docker.io" ? "index.docker.io" : domain);
}

/** Old files have whole addresses as keys. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

/** What an entry of `auths`, or an `AuthConfig` of Docker's API, holds. */
export function credentialOf(entry: Record<string, unknown>): Credential | undefined {
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

/** undefined: the helper knows none. */
async function askHelper(
  name: string,
  server: string,
  environment: NodeJS.ProcessEnv,
): Promise<Credential | undefined> {
  const output = await runHelper(name, "get", server, environment);
  if (output === undefined) return undefined;
  let answer: Record<string, unknown>;
  try {
    answer = member(JSON.parse(output));
  } catch {
    throw new MockerError(
      "UNAUTHORIZED",
      `the credential helper docker-credential-${name} gave no valid answer`,
    );
  }
  const { Username: username, Secret: secret } = answer;
  if (typeof username !== "string" || typeof secret !== "string" || secret === "") return undefined;
  return username === "<token>"
    ? { kind: "identity", token: secret }
    : { kind: "basic", username, password: secret };
}

/** The credential helper of a domain, if its credentials are not in the file itself. */
function helperOf(root: Record<string, unknown>, key: string, domain: string): string | undefined {
  const helper = member(root.credHelpers)[key] ?? member(root.credHelpers)[domain] ?? root.credsStore;
  return typeof helper === "string" && helper !== "" ? helper : undefined;
}

/** Path of the file. */
function configPath(environment: NodeJS.ProcessEnv): string {
  return join(environment.DOCKER_CONFIG || join(homedir(), ".docker"), "config.json");
}

/** @throws UNAUTHORIZED for a file that is no JSON */
async function readConfig(
  path: string,
  unreadable: (error: Error) => Record<string, unknown> = (error) => {
    throw new MockerError("UNAUTHORIZED", `${path} cannot be read: ${error.message}`);
  },
): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    return unreadable(error as Error);
  }
  try {
    return member(JSON.parse(text));
  } catch {
    throw new MockerError("UNAUTHORIZED", `${path} is not valid JSON`, {
      hint: "Repair or remove the file, then log in again.",
    });
  }
}

/** One change at a time: each rewrites the whole file. */
let lastChange: Promise<unknown> = Promise.resolve();

function serially<T>(change: () => Promise<T>): Promise<T> {
  const next = lastChange.then(change, change);
  lastChange = next.catch(() => {});
  return next;
}

/**
 * As `docker login`: keeps credentials with the helper that is configured, else in the file. Returns the
 * file's path if it holds them now and did not before.
 */
export function storeCredential(
  domain: string,
  credential:
    | Extract<Credential, { username: string }>
    | { kind: "identity"; username: string; token: string },
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  return serially(async () => {
    const path = configPath(environment);
    const root = await readConfig(path);
    const key = keyOf(domain);
    const { username } = credential;
    const auths = { ...member(root.auths) };
    const helper = helperOf(root, key, domain);
    if (helper !== undefined) {
      const secret =
        credential.kind === "identity"
          ? { Username: "<token>", Secret: credential.token }
          : { Username: username, Secret: credential.password };
      await runHelper(helper, "store", JSON.stringify({ ServerURL: key, ...secret }), environment);
      // As Docker: the file says that there is a login, and no more.
      if (JSON.stringify(auths[key]) === "{}") return undefined;
      writeConfig(path, { ...root, auths: { ...auths, [key]: {} } });
      return undefined;
    }
    const auth = (password: string) => Buffer.from(`${username}:${password}`).toString("base64");
    const entry =
      credential.kind === "identity"
        ? { auth: auth(""), identitytoken: credential.token }
        : { auth: auth(credential.password) };
    if (JSON.stringify(auths[key]) === JSON.stringify(entry)) return undefined;
    writeConfig(path, { ...root, auths: { ...auths, [key]: entry } });
    return path;
  });
}

/** As `docker logout`: forgets the credentials of a domain, wherever they are. */
export function eraseCredential(domain: string, environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  return serially(async () => {
    const path = configPath(environment);
    const root = await readConfig(path);
    const key = keyOf(domain);
    const helper = helperOf(root, key, domain);
    if (helper !== undefined) await runHelper(helper, "erase", key, environment);
    const auths = member(root.auths);
    const kept = Object.entries(auths).filter(([name]) => !isNameOf(name, domain));
    if (kept.length === Object.keys(auths).length) return;
    writeConfig(path, { ...root, auths: Object.fromEntries(kept) });
  });
}

/** Writes config.json as Docker does. The target of a link is replaced, not the link. */
function writeConfig(path: string, config: Record<string, unknown>): void {
  let target = path;
  try {
    target = realpathSync(path);
  } catch {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  }
  writeFileAtomic(target, `${JSON.stringify(config, undefined, "\t")}\n`);
}
