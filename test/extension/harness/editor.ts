/// <reference lib="dom" />
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import type * as vscode from "vscode";
import { Mocker } from "../../support/mocker.ts";
import { rootDir } from "../../support/paths.ts";
import { retry } from "../../support/retry.ts";
import type { TestUser } from "../../support/test-user.ts";
import { once } from "./once.ts";
import { screenshotFolder } from "./screenshots.ts";
import { quietSettings, type StockEditor, startEditor } from "./stock-editor.ts";
import { packageExtension, packageHelper } from "./vsix.ts";

export interface OpenOptions {
  /** Of the editor, which the engine inherits from it. */
  env?: Record<string, string | undefined>;
  /** Of the user. */
  settings?: Record<string, unknown>;
  /** Of the machine that the extensions run on. */
  machineSettings?: Record<string, unknown>;
  /** Files of the workspace. */
  files?: Record<string, string>;
  /** Default: true. */
  trusted?: boolean;
  /** https address that the extension's page has its pictures from: of this checkout's files. */
  imagesUrl?: string;
  /** A home that something was prepared in; closed with the editor. */
  mocker?: Mocker;
  /** Whom the editor and all in it run as, where this is root; its home becomes theirs. */
  user?: TestUser | undefined;
}

export type ViewName = "Virtual Machines" | "Images" | "Volumes" | "Networks" | "Run Configurations";

const themes = { light: "Default Light Modern", dark: "Default Dark Modern" } as const;

/** The themes of VS Code itself, and by what class of the window each is told. */
export const themeClasses = {
  [themes.light]: "vs",
  [themes.dark]: "vs-dark",
  "Default High Contrast": "hc-black",
  "Default High Contrast Light": "hc-light",
} as const;

/** A stock editor with the packaged extension, in a home of its own. */
export class Editor {
  readonly mocker: Mocker;
  readonly workspace: string;
  readonly page: Page;
  readonly #stock: StockEditor;
  readonly #socket: string;

  private constructor(mocker: Mocker, workspace: string, stock: StockEditor, socket: string) {
    this.mocker = mocker;
    this.workspace = workspace;
    this.page = stock.page;
    this.#stock = stock;
    this.#socket = socket;
  }

  static async open(options: OpenOptions = {}): Promise<Editor> {
    const { trusted = true, files = {}, mocker = new Mocker(), user, imagesUrl } = options;
    try {
      const folder = join(mocker.dir, "e");
      const workspace = join(mocker.dir, "h", "demo");
      for (const path of [folder, workspace]) mkdirSync(path, { recursive: true });
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(join(workspace, name, ".."), { recursive: true });
        writeFileSync(join(workspace, name), text);
      }
      const socket = join(mocker.dir, "helper.sock");
      // Before the browser, which is not the user's, makes one there for itself.
      mkdirSync(join(mocker.home, ".config"), { recursive: true });
      const stock = await startEditor({
        env: mocker.environment({
          ...(user === undefined ? {} : { USER: user.name, LOGNAME: user.name }),
          ...options.env,
          MOCKER_TEST_HELPER: socket,
        }),
        folder,
        workspace,
        extensions: await once(`packages ${imagesUrl}`, () => makePackages(imagesUrl)),
        settings: { ...quietSettings, "workbench.colorTheme": themes.dark, ...options.settings },
        machineSettings: options.machineSettings ?? {},
        trusted,
        ...(user === undefined ? {} : { user: { uid: user.uid, gid: user.gid, home: mocker.dir } }),
      });
      stock.page.setDefaultTimeout(60_000);
      if (imagesUrl !== undefined) {
        await stock.page.context().route(`${imagesUrl}/**`, (route) =>
          route.fulfill({
            path: join(
              rootDir(),
              route
                .request()
                .url()
                .slice(imagesUrl.length + 1),
            ),
          }),
        );
      }
      const editor = new Editor(mocker, workspace, stock, socket);
      try {
        await editor.ready();
        return editor;
      } catch (error) {
        await editor.capture("failed-to-open").catch(() => undefined);
        await stock.close();
        throw error;
      }
    } catch (error) {
      await mocker.close();
      throw error;
    }
  }

  /** Waits for the workbench and the extensions' process. */
  async ready(): Promise<void> {
    await this.page.locator(".monaco-workbench .activitybar").waitFor();
    await retry(() => this.host((api) => api.extensions.getExtension("mocker.mocker") !== undefined), {
      timeoutMs: 60_000,
      what: "the extension",
    });
  }

  /** Runs a function in the extension host. It sees nothing but its arguments. */
  async host<T, A extends unknown[]>(
    run: (api: typeof vscode, ...args: A) => T | PromiseLike<T>,
    ...args: A
  ): Promise<T> {
    const body = JSON.stringify({ source: String(run), args });
    const text = await new Promise<string>((resolve, reject) => {
      const call = request({ socketPath: this.#socket, method: "POST", timeout: 60_000 }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (data: Buffer) => parts.push(data));
        response.on("end", () => resolve(Buffer.concat(parts).toString()));
      });
      call.on("error", reject);
      call.on("timeout", () => call.destroy(new Error("the extension host does not answer")));
      call.end(body);
    });
    const answer = JSON.parse(text) as { value: T; error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  }

  /** Runs a command and waits for its end. */
  async command(id: string, ...args: unknown[]): Promise<void> {
    await this.host(
      async (api, name: string, rest: unknown[]) => {
        await api.commands.executeCommand(name, ...rest);
      },
      id,
      args,
    );
  }

  /** Starts a command that asks something. */
  async begin(id: string, ...args: unknown[]): Promise<void> {
    await this.host(
      (api, name: string, rest: unknown[]) => {
        api.commands.executeCommand(name, ...rest);
      },
      id,
      args,
    );
  }

  async set(name: string, value: unknown): Promise<void> {
    await this.host(
      (api, key: string, wanted: unknown) =>
        api.workspace.getConfiguration().update(key, wanted ?? undefined, api.ConfigurationTarget.Global),
      name,
      value,
    );
  }

  /** Shows Mocker's views. */
  async showViews(): Promise<void> {
    await this.command("workbench.view.extension.mocker");
    await this.view("Virtual Machines").waitFor();
  }

  view(name: ViewName): Locator {
    return this.page.locator(".pane").filter({ has: this.page.locator(".pane-header", { hasText: name }) });
  }

  row(view: ViewName, text: string | RegExp): Locator {
    return this.view(view).locator(".monaco-list-row", { hasText: text }).first();
  }

  /**
   * Once the rows of a row's tree have stayed the same for a while: while a tree is drawn anew VS Code does
   * not know its items, and a click on one calls commands without it, or none.
   */
  async settled(row: Locator): Promise<Locator> {
    await row.hover();
    await row.evaluate(async (element) => {
      const list = element.closest(".monaco-list") ?? element;
      await new Promise<void>((resolve) => {
        const quiet = () => {
          observer.disconnect();
          resolve();
        };
        let timer = setTimeout(quiet, 600);
        const observer = new MutationObserver(() => {
          clearTimeout(timer);
          timer = setTimeout(quiet, 600);
        });
        observer.observe(list, { childList: true, subtree: true });
      });
    });
    return row;
  }

  /** Presses a button of a row. */
  async press(row: Locator, button: string): Promise<void> {
    await this.settled(row);
    await row.hover();
    await row.getByRole("button", { name: button }).click();
  }

  /** A notification that shows now. */
  toast(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast", { hasText: text }).first();
  }

  /** The texts of all notifications that show now. */
  async toasts(): Promise<string[]> {
    return await this.page.locator(".notification-toast .notification-list-item-message").allTextContents();
  }

  /**
   * Waits until the notification with the text is the only one. Its first button, the one for Enter, is
   * `button`.
   */
  async onlyToast(text: string | RegExp, button?: string): Promise<Locator> {
    const toast = this.toast(text);
    await toast.waitFor();
    if (button !== undefined) {
      await toast
        .locator(".notification-list-item-buttons-container .monaco-button")
        .first()
        .filter({ hasText: button })
        .waitFor();
    }
    // That of a progress goes when the work is over.
    await retry(async () => (await this.page.locator(".notification-toast").count()) === 1, {
      what: "a single notification",
    });
    return toast;
  }

  async dismissToasts(): Promise<void> {
    await this.command("notifications.clearAll");
    await this.page.locator(".notification-toast").first().waitFor({ state: "detached" });
  }

  get quickInput(): Locator {
    return this.page.locator(".quick-input-widget:visible");
  }

  /** Picks an item of the quick pick that shows. */
  async pick(text: string | RegExp): Promise<void> {
    const item = this.quickInput.locator(".monaco-list-row", { hasText: text }).first();
    await item.waitFor();
    await item.click();
  }

  /** Types into the input box that shows, and accepts. `prompt` is what must be asked. */
  async answer(prompt: string | RegExp, text: string): Promise<void> {
    // Followed by how to confirm: a list that asks before it may hold the same words.
    const asked = typeof prompt === "string" ? `${prompt} (Press 'Enter'` : prompt;
    await this.quickInput.filter({ hasText: asked }).waitFor();
    await this.quickInput.locator("input[type=text], input[type=password]").first().fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Takes the wizard's steps for network and ports as they are, for an image that exposes none. */
  async passNetwork(): Promise<void> {
    await this.pick("bridge");
    await this.pick("Continue without ports");
  }

  /** The title line of the quick input that shows, with its step count. */
  async waitForStep(title: string | RegExp): Promise<void> {
    await this.quickInput.filter({ hasText: title }).waitFor();
  }

  /** Chooses from the context menu of an element. */
  async menu(target: Locator, item: string): Promise<void> {
    await target.click({ button: "right" });
    await this.chooseInMenu(item);
  }

  /** Chooses from the menu that shows. */
  async chooseInMenu(item: string): Promise<void> {
    const menu = this.page.locator(".monaco-menu");
    await menu.getByRole("menuitem", { name: item, exact: true }).hover();
    // A menu that has just opened takes no click.
    await retry(async () => {
      const entry = menu.getByRole("menuitem", { name: item, exact: true });
      if ((await menu.count()) > 0) await entry.click({ timeout: 500 }).catch(() => undefined);
      return (await menu.count()) === 0;
    });
  }

  async clipboard(): Promise<string> {
    return await this.page.evaluate<string>("navigator.clipboard.readText()");
  }

  get terminal(): Locator {
    return this.page.locator(".terminal-wrapper.active .xterm:visible");
  }

  /** The lines of the terminal that shows. */
  async terminalText(): Promise<string> {
    const lines = await this.terminal.locator(".xterm-rows > div").allTextContents();
    return lines
      .map((line) => line.replaceAll("\u00a0", " ").trimEnd())
      .join("\n")
      .trimEnd();
  }

  async waitForTerminal(wanted: RegExp): Promise<string> {
    let text = "";
    return await retry(async () => {
      text = await this.terminalText();
      if (wanted.test(text)) return text;
      throw new Error(`the terminal does not show ${wanted}:\n${text}`);
    });
  }

  /** Waits until the terminal of this name is the one that shows. */
  async waitForTerminalNamed(name: string): Promise<void> {
    await retry(async () => (await this.host((api) => api.window.activeTerminal?.name)) === name, {
      what: `a terminal named ${name}`,
    });
  }

  /** Types a line into the terminal that shows. */
  async type(line: string): Promise<void> {
    await this.terminal.click();
    await this.page.keyboard.type(line);
    await this.page.keyboard.press("Enter");
  }

  /**
   * Leaves `NAME-light.png` and `NAME-dark.png`. `show` brings up what a change of the theme closes, as menus
   * are.
   */
  async shoot(name: string, show?: () => Promise<void>): Promise<void> {
    // Where nothing reacts to it.
    await this.page.mouse.move(500, 15);
    for (const [kind, theme] of Object.entries(themes)) {
      await this.useTheme(theme);
      await show?.();
      await this.capture(`${name}-${kind}`);
    }
  }

  /** Leaves `NAME-contrast.png` and `NAME-contrast-light.png`, in the themes of high contrast. */
  async shootContrast(name: string): Promise<void> {
    await this.useTheme("Default High Contrast Light");
    await this.capture(`${name}-contrast-light`);
    await this.useTheme("Default High Contrast");
    await this.capture(`${name}-contrast`);
  }

  /** Changes the theme; returns once it shows. */
  async useTheme(theme: keyof typeof themeClasses): Promise<void> {
    await this.set("workbench.colorTheme", theme);
    await this.page.locator(`.monaco-workbench.${themeClasses[theme]}`).waitFor();
  }

  /** One picture of the window as it is. */
  async capture(name: string): Promise<string> {
    const path = join(screenshotFolder(), `${name}.png`);
    mkdirSync(screenshotFolder(), { recursive: true });
    // Toasts and pictures of the theme fade in.
    await this.page.waitForTimeout(400);
    await this.page.screenshot({ path });
    return path;
  }

  /** Reloads the window; returns once it is there again. */
  async reload(): Promise<void> {
    const before = await this.host(() => process.pid);
    await this.begin("workbench.action.reloadWindow");
    await retry(async () => (await this.host(() => process.pid)) !== before, {
      timeoutMs: 60_000,
      what: "the window's reload",
    });
    await this.ready();
  }

  /** Ends the editor and all that runs in its home. */
  async close(): Promise<void> {
    await this.#stock.close();
    await this.mocker.close();
  }
}

/** Mocker's package and the helper's. */
async function makePackages(imagesUrl: string | undefined): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "vsix-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const options = imagesUrl === undefined ? [] : ["--base-images-url", imagesUrl];
  return await Promise.all([packageExtension(folder, options), packageHelper(folder)]);
}

export async function terminalNames(editor: Editor): Promise<string[]> {
  return await editor.host((api) => api.window.terminals.map((terminal) => terminal.name));
}
