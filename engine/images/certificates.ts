import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { MockerError } from "../protocol/errors.ts";

/** Where distributions keep the authorities that their administrator trusts (Go's crypto/x509/root_linux.go). */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Folders with a folder for each registry, `HOST[:PORT]`. */
export function certificateFolders(configDir: string | undefined): string[] {
  return [...(configDir === undefined ? [] : [join(configDir, "certs.d")]), "/etc/docker/certs.d"];
}

/**
 * Whom a registry's connection trusts and how it identifies itself: the system's authorities (or those of SSL_CERT_FILE,
 * SSL_CERT_DIR), NODE_EXTRA_CA_CERTS, and from each folder of `folders` what is in `HOST[:PORT]`: authorities in `*.crt`, and
 * client certificates in `*.cert`, each with its `.key` (docs.docker.com/engine/security/certificates).
 *
 * @throws INVALID_ARGUMENT for files that cannot be used
 */
export function trustOf(
  host: string,
  folders: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): SecureContext {
  const ca = [...baseAuthorities(environment)];
  const cert: Buffer[] = [];
  const key: Buffer[] = [];
  for (const folder of folders.map((parent) => join(parent, host))) {
    const names = list(folder);
    for (const name of names.filter((name) => name.endsWith(".crt"))) ca.push(read(join(folder, name)));
    for (const name of names.filter((name) => name.endsWith(".cert"))) {
      const keyName = name.replace(/\.cert$/, ".key");
      if (!names.includes(keyName))
        throw new MockerError(
          "INVALID_ARGUMENT",
          `missing key ${keyName} for client certificate ${name} in ${folder}. CA certificates must use the extension .crt`,
        );
      cert.push(read(join(folder, name)));
      key.push(read(join(folder, keyName)));
    }
  }
  try {
    return createSecureContext({ ca, ...(cert.length > 0 ? { cert, key } : {}) });
  } catch (error) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `the certificates for ${host} cannot be used: ${(error as Error).message}`,
      {
        hint: `Look at the files in ${folders.map((parent) => join(parent, host)).join(" and ")}, and those that SSL_CERT_FILE and NODE_EXTRA_CA_CERTS name.`,
        cause: error,
      },
    );
  }
}

function baseAuthorities(environment: NodeJS.ProcessEnv): (string | Buffer)[] {
  const { SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS } = environment;
  const extra = NODE_EXTRA_CA_CERTS ? [tryRead(NODE_EXTRA_CA_CERTS)] : [];
  const named = [
    ...(SSL_CERT_FILE ? [read(SSL_CERT_FILE)] : []),
    ...(SSL_CERT_DIR ?? "")
      .split(delimiter)
      .filter((folder) => folder !== "")
      .flatMap((folder) =>
        list(folder)
          .filter((name) => /\.(pem|crt|[0-9]+)$/.test(name))
          .map((name) => tryRead(join(folder, name))),
      ),
  ];
  const system = named.length > 0 ? named : [firstOf(systemBundles)];
  const found = [...system, ...extra].filter((bundle) => bundle !== undefined);
  return system.some((bundle) => bundle !== undefined) ? found : [...rootCertificates, ...found];
}

function firstOf(paths: readonly string[]): Buffer | undefined {
  for (const path of paths) {
    const bundle = tryRead(path);
    if (bundle !== undefined) return bundle;
  }
  return undefined;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function tryRead(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
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

/** `~/…` for a path below the home folder, for messages. */
export function shortPath(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
