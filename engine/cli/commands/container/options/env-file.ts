/**
 * Environment variables and labels as Docker's flags and files give them (docker/cli opts/env.go,
 * opts/file.go).
 */
import { readKeyValueFile } from "../../../../common/key-value-file.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** An argument of `-e`. Throws Error with the reason. */
export function checkVariable(text: string): string {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid environment variable: ${text}`);
  return text;
}

/** An argument of `-l`. Throws Error with the reason. */
export function checkLabel(text: string): string {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid label '${text}': empty name`);
  return text;
}

/**
 * The `KEY=value` list of `--env-file` files and then `-e` flags; a `-e KEY` takes its value from `env`, or
 * stays without one: it takes the image's variable away.
 */
export function collectVariables(
  files: readonly string[],
  variables: readonly string[],
  env: Environment,
): string[] {
  const fromFiles = files.flatMap((file) => readKeyValueFile(file, (key) => env[key]));
  const fromFlags = variables.flatMap((text) => {
    if (text.includes("=")) return [text];
    const value = env[text];
    return [value === undefined ? text : `${text}=${value}`];
  });
  return [...fromFiles, ...fromFlags];
}

/** Labels of `--label-file` files and then `-l` flags; one without a value is empty. */
export function collectLabels(files: readonly string[], labels: readonly string[]): Record<string, string> {
  const fromFiles = files.flatMap((file) => readKeyValueFile(file, () => ""));
  return Object.fromEntries(
    [...fromFiles, ...labels].map((text) => {
      const equals = text.indexOf("=");
      return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}
