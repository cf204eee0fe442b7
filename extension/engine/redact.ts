/**
 * Hides what the protocol trace must not show: the values of environment variables and of secrets,
 * passwords, and the tokens of streams. Takes the text that vscode-jsonrpc writes, JSON with indentation.
 */
export function redactTrace(text: string): string {
  return text
    .replace(/"env":\s*\[((?:\s*"(?:[^"\\]|\\.)*"\s*,?)*)\s*\]/g, (whole, items: string) =>
      whole.replace(items, items.replace(/"((?:[^"\\=]|\\.)*)=(?:[^"\\]|\\.)*"/g, '"$1=***"')),
    )
    .replace(
      /("secretValues":\s*)\{((?:\s*"(?:[^"\\]|\\.)*"\s*:\s*"(?:[^"\\]|\\.)*"\s*,?)*\s*)\}/g,
      (_, key: string, members: string) =>
        `${key}{${members.replace(/("(?:[^"\\]|\\.)*"\s*:\s*)"(?:[^"\\]|\\.)*"/g, '$1"***"')}}`,
    )
    .replace(/("(?:token|password)":\s*")(?:[^"\\]|\\.)*"/g, '$1***"');
}
