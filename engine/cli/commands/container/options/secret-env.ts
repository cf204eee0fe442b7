/**
 * `--secret-env`: `NAME`, as `-e NAME` takes it from the environment, and `NAME,src=FILE` in the words of
 * `docker buildx build --secret`. There is no `NAME=value`: everybody may read a command line.
 */
import { resolve } from "node:path";
import { MockerError, type SecretVariable } from "../../../../protocol/index.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws Error, which says nothing of a value. */
export function parseSecret(text: string, cwd: string): SecretVariable {
  const [, name, , file] = /^([^=,]+)(,(?:src|source)=(.+))?$/s.exec(text) ?? [];
  if (name !== undefined) return file === undefined ? { name } : { name, file: resolve(cwd, file) };
  const wrong = /^[^=,]*/.exec(text)?.[0] ?? "";
  const isAssignment = text[wrong.length] === "=";
  throw new Error(
    isAssignment
      ? `invalid secret '${wrong}': a value on the command line is no secret, give --secret-env ${wrong} or ${wrong},src=FILE`
      : `invalid secret '${wrong}': expected NAME or NAME,src=FILE`,
  );
}

/** What `env` has of the values that clients give. */
export function secretValues(secrets: readonly SecretVariable[], env: Environment): Record<string, string> {
  return Object.fromEntries(
    secrets.flatMap(({ name, file }) => {
      const value = file === undefined ? env[name] : undefined;
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Throws MockerError when one of the values that clients give is not in `env`. */
export function requireSecrets(secrets: readonly SecretVariable[], env: Environment): void {
  const missing = secrets.find(({ name, file }) => file === undefined && env[name] === undefined);
  if (missing === undefined) return;
  const { name } = missing;
  throw new MockerError("SECRET_MISSING", `secret ${name} has no value: the environment has no ${name}`, {
    hint: `Set it first (export ${name}), or read it from a file: --secret-env ${name},src=FILE`,
  });
}
