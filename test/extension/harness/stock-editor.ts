import type { Page } from "playwright-core";
import { startInBrowser } from "./in-browser.ts";
import { startOnDesktop } from "./on-desktop.ts";

/** What an editor is started with. */
export interface EditorSetup {
  /** Of the editor and of all that it starts. */
  env: NodeJS.ProcessEnv;
  /** Profile, extensions, sockets. */
  folder: string;
  /** Opened in the window. */
  workspace: string;
  /** Installed in this order. */
  extensions: string[];
  settings: Record<string, unknown>;
  /** Settings of scope "machine", which a remote window reads elsewhere. */
  machineSettings: Record<string, unknown>;
  /** Whether the workspace is trusted without a question. */
  trusted: boolean;
  /** Whom the server and all that it starts run as, given by root; `home` becomes theirs. */
  user?: { uid: number; gid: number; home: string };
}

/** A stock VS Code with the extensions installed. */
export interface StockEditor {
  page: Page;
  close(): Promise<void>;
}

/**
 * Starts an editor: code-server in Chromium, which needs neither a display nor a download from beyond package
 * registries, or, with MOCKER_TEST_EDITOR=desktop, VS Code itself as @vscode/test-electron downloads it.
 */
export async function startEditor(setup: EditorSetup): Promise<StockEditor> {
  return process.env.MOCKER_TEST_EDITOR === "desktop"
    ? await startOnDesktop(setup)
    : await startInBrowser(setup);
}

/** Settings of every test: nothing that moves by itself, and a terminal whose text is in the page. */
export const quietSettings: Record<string, unknown> = {
  "workbench.startupEditor": "none",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.tips.enabled": false,
  "telemetry.telemetryLevel": "off",
  "chat.disableAIFeatures": true,
  "extensions.ignoreRecommendations": true,
  "git.enabled": false,
  "update.mode": "none",
  "terminal.integrated.gpuAcceleration": "off",
  "terminal.integrated.cursorBlinking": false,
  "editor.cursorBlinking": "solid",
  "window.commandCenter": false,
  "security.workspace.trust.startupPrompt": "never",
};

/** The environment without what another editor or npm left in it. */
export function cleanEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(VSCODE_|npm_|ELECTRON_)/.test(name)));
}
