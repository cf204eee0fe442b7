/**
 * An extension for tests only: calls functions that come over a socket with the `vscode` API, so that a test
 * can ask and arrange what the workbench does not show.
 */
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import * as vscode from "vscode";

export function activate(context: vscode.ExtensionContext): void {
  const path = process.env.MOCKER_TEST_HELPER;
  if (path === undefined) throw new Error("MOCKER_TEST_HELPER is not set");
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (data: Buffer) => parts.push(data));
    request.on("end", () => {
      const { source, args } = JSON.parse(Buffer.concat(parts).toString()) as {
        source: string;
        args: unknown[];
      };
      call(source, args).then(
        (value) => response.end(JSON.stringify({ value })),
        (error: unknown) => response.end(JSON.stringify({ error: (error as Error)?.stack ?? String(error) })),
      );
    });
  });
  // The extension host of before a reload may not be gone yet.
  rmSync(path, { force: true });
  server.listen(path);
  context.subscriptions.push({ dispose: () => server.close() });
}

async function call(source: string, args: unknown[]): Promise<unknown> {
  // Comes from the test itself, over a socket in the test's own folder.
  const run = new Function(`return (${source})`)() as (api: typeof vscode, ...args: unknown[]) => unknown;
  return await run(vscode, ...args);
}
