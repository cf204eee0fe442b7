import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { MockerError } from "../../../protocol/errors.ts";

/**
 * Where distributions keep the authorities that their administrator trusts (Go's crypto/x509/root_linux.go).
 */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Directories with a directory for each registry, `HOST[:PORT]`. */
export function certificateDirectories(configDir: string | undefined): string[] {
  return [...(configDir === undefined ? [] : [join(configDir, "certs.d")]), "/etc/docker/certs.d"];
}

interface Files {
  authorities: string[];
  /** Client certificates, each with its key. */
  pairs: [certificate: string, key: string][];
}

/** Parsing a system's authorities takes some 20 ms: done once for the same files. */
const contexts = new Map<string, SecureContext>();
const maximumContexts = 32;

/**
 * Whom a registry's connection trusts and how it identifies itself: the system's authorities (or those of
 * SSL_CERT_FILE, SSL_CERT_DIR), NODE_EXTRA_CA_CERTS, and from each directory of `directories` what is in
 * `HOST[:PORT]`: authorities in `*.crt`, and client certificates in `*.cert`, each with its `.key`
 * (docs.docker.com/engine/security/certificates).
 *
 * @param verify false: nobody is asked for, so that no authorities are read
 * @throws INVALID_ARGUMENT for files that cannot be used
 */
export function trustOf(
  host: string,
  directories: readonly string[],
  verify = true,
  environment: NodeJS.ProcessEnv = process.env,
): SecureContext {
  const own = filesFor(host, directories);
  const { system, extra } = baseAuthorities(environment);
  const authorities = verify ? [...system, ...extra, ...own.authorities] : [];
  const key = JSON.stringify([authorities, own.pairs].flat(3).map(stamp));
  const known = contexts.get(key);
  if (known) return known;
  const cert = own.pairs.map(([path]) => read(path));
  const keys = own.pairs.map(([, path]) => read(path));
  const ca: (string | Buffer)[] = authorities.map(read);
  // Without any of the system's, those that Node brings along.
  if (verify && system.length === 0) ca.push(...rootCertificates);
  try {
    const made = createSecureContext({ ca, ...(cert.length > 0 ? { cert, key: keys } : {}) });
    if (contexts.size >= maximumContexts) contexts.clear();
    contexts.set(key, made);
    return made;
  } catch (error) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `the certificates for ${host} cannot be used: ${(error as Error).message}`,
      {
        hint: `Look at the files in ${directories.map((parent) => join(parent, host)).join(" and ")}, and those that SSL_CERT_FILE and NODE_EXTRA_CA_CERTS name.`,
        cause: error,
      },
    );
  }
}

/** A file in its present state. */
function stamp(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return `${path} ${found?.ino} ${found?.size} ${found?.mtimeMs}`;
}

function filesFor(host: string, directories: readonly string[]): Files {
  const files: Files = { authorities: [], pairs: [] };
  for (const directory of directories.map((parent) => join(parent, host))) {
    const names = list(directory);
    for (const name of names.filter((name) => name.endsWith(".crt")))
      files.authorities.push(join(directory, name));
    for (const name of names.filter((name) => name.endsWith(".cert"))) {
      const keyName = name.replace(/\.cert$/, ".key");
      if (!names.includes(keyName))
        throw new MockerError(
          "INVALID_ARGUMENT",
          `missing key ${keyName} for client certificate ${name} in ${directory}. CA certificates must use the extension .crt`,
        );
      files.pairs.push([join(directory, name), join(directory, keyName)]);
    }
  }
  return files;
}

/** Files with the authorities that every host may have. */
function baseAuthorities(environment: NodeJS.ProcessEnv): { system: string[]; extra: string[] } {
  const { SSL_CERT_FILE, SSL_CERT_DIR = "", NODE_EXTRA_CA_CERTS } = environment;
  const named = [
    ...(SSL_CERT_FILE ? [SSL_CERT_FILE] : []),
    ...SSL_CERT_DIR.split(delimiter)
      .filter((directory) => directory !== "")
      .flatMap((directory) =>
        list(directory)
          .filter((name) => /\.(pem|crt|[0-9]+)$/.test(name))
          .map((name) => join(directory, name)),
      ),
  ];
  const system = named.length > 0 ? named : systemBundles.filter((path) => existsSync(path)).slice(0, 1);
  // As Node: an extra file that is not there is no error.
  return {
    system,
    extra: NODE_EXTRA_CA_CERTS && existsSync(NODE_EXTRA_CA_CERTS) ? [NODE_EXTRA_CA_CERTS] : [],
  };
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `the certificate file ${path} cannot be read: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** `~/…` for a path below the home directory, for messages. */
export function shortPath(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
