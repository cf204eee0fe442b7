/**
 * Hides what the protocol trace must not show: the values of environment variables and the tokens of streams.
 * Takes the text that vscode-jsonrpc writes, JSON with indentation.
 */
export function redactTrace(text: string): string {
  return text
    .replace(/"env":\s*\[((?:\s*"(?:[^"\\]|\\.)*"\s*,?)*)\s*\]/g, (whole, items: string) =>
      whole.replace(items, items.replace(/"((?:[^"\\=]|\\.)*)=(?:[^"\\]|\\.)*"/g, '"$1=***"')),
    )
    .replace(/("token":\s*")[^"]*"/g, '$1***"');
}
