/// <reference lib="dom" />
/**
 * Makes the pictures in media/ again, after the views have changed: of a stock editor with the packaged
 * extension and ten VMs. Leaves the views in all of VS Code's themes, and in a narrow side bar, where other
 * screenshots are, to be looked at. With names of scenes only those: `rows`, `console`, `wizard`, `doctor`,
 * `page`, `debugging`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { runTool } from "../support/host.ts";
import { Mocker } from "../support/mocker.ts";
import { rootDir } from "../support/paths.ts";
import { retry } from "../support/retry.ts";
import { animate, type Frame } from "./harness/animation.ts";
import { Editor, themeClasses } from "./harness/editor.ts";
import { importImage } from "./harness/local-image.ts";
import { screenshotFolder } from "./harness/screenshots.ts";

const media = join(rootDir(), "media");
const themes = { light: "Default Light Modern", dark: "Default Dark Modern" } as const;

const program = `const http = require("node:http");

function greet(name) {
  const greeting = \`Hello, \${name}!\`;
  return { greeting, host: require("node:os").hostname() };
}

const server = http.createServer((request, response) => {
  const name = new URL(request.url, "http://vm").searchParams.get("name");
  response.end(JSON.stringify(greet(name)));
});
server.listen(8080, () => console.log("listening in the VM"));
`;

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: VS Code's own variable
const files = {
  "server.js": program,
  ".env": "GREETING=hello\n",
  ".vscode/launch.json": `{
  "configurations": [
    {
      "type": "mocker",
      "request": "launch",
      "name": "Server in a microVM",
      "image": "node:20",
      "program": "\${workspaceFolder}/server.js",
      "ports": ["8080"]
    }
  ]
}
`,
  ".vscode/mocker.json": `{
  "runConfigurations": [
    {
      "name": "api",
      "image": "node:20",
      "vmName": "api",
      "ports": ["8080:8080"],
      "volumes": [{ "source": "\${workspaceFolder}", "target": "/workspaces/demo" }]
    }
  ]
}
`,
};
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: VS Code's own variable

/** Images with what the scenes run, under names that people know. */
async function makeImages(mocker: Mocker): Promise<void> {
  await importImage(mocker, "busybox", "busybox:1.36");
  await importImage(mocker, "configured", "registry.example.com/team/mailer:2.1");
  await importImage(mocker, "debian", "debian:12");
  await mocker.ok(["create", "--name", "maker", "debian:12"]);
  await mocker.ok(["cp", process.execPath, "maker:/usr/local/bin/node"]);
  await mocker.ok(["commit", "maker", "node:20"]);
  await mocker.ok(["rm", "maker"]);
}

/** Ten VMs, in every state that a row may have. */
async function makeVms(mocker: Mocker): Promise<void> {
  const of = (name: string) => ["--label", `com.docker.compose.project=${name}`];
  const health = ["--health-interval", "1s", "--health-retries", "1", "--health-cmd"];
  const run = (...args: string[]) => mocker.run(["run", ...args]);
  await mocker.ok(["create", ...of("site"), "--name", "mailer", "registry.example.com/team/mailer:2.1"]);
  await run("--name", "migrate", ...of("shop"), "busybox:1.36", "true");
  await run("--name", "import", ...of("shop"), "busybox:1.36", "sh", "-c", "exit 3");
  await run("--name", "nosuch", "busybox:1.36", "/nosuch");
  await run("-dit", "--name", "scratch", "--stop-timeout", "5", "busybox:1.36");
  await run("-dit", "--name", "standby", ...of("site"), "busybox:1.36");
  await mocker.ok(["pause", "standby"]);
  await run("-dit", "--name", "worker", ...of("shop"), ...health, "exit 1", "busybox:1.36");
  await run("-dit", "--name", "search-index-with-a-long-name", ...of("site"), "debian:12");
  await run("-dit", "--name", "db", ...of("shop"), "-v", "pgdata:/data", ...health, "true", "busybox:1.36");
  await run("-dit", "--name", "web", ...of("shop"), "-p", "127.0.0.1:18080:80", "busybox:1.36");
}

class Pictures {
  readonly #editor: Editor;

  constructor(editor: Editor) {
    this.#editor = editor;
  }

  /** The views in every theme, in groups, and in a narrow side bar. */
  async rows(): Promise<void> {
    const editor = this.#editor;
    await editor.row("Virtual Machines", "db").filter({ hasText: "(healthy)" }).waitFor();
    await editor.row("Virtual Machines", "worker").filter({ hasText: "(unhealthy)" }).waitFor();
    await editor.press(editor.row("Virtual Machines", "scratch"), "Stop VM");
    await editor.row("Virtual Machines", "scratch").filter({ hasText: "stopping…" }).waitFor();
    await editor.page.mouse.move(700, 15);
    for (const [theme, kind] of Object.entries(themeClasses)) {
      await editor.useTheme(theme as keyof typeof themeClasses);
      await editor.capture(`ten-${kind}`);
    }
    await editor.row("Virtual Machines", "scratch").filter({ hasText: "stopped" }).waitFor();
    await this.#group("By Compose project");
    await editor.capture("ten-grouped");
    await this.#sideBarTo(176);
    for (const [theme, kind] of Object.entries(themeClasses)) {
      await editor.useTheme(theme as keyof typeof themeClasses);
      await editor.capture(`ten-narrow-grouped-${kind}`);
    }
    await this.#group("Not at all");
    for (const [theme, kind] of Object.entries(themeClasses)) {
      await editor.useTheme(theme as keyof typeof themeClasses);
      await editor.capture(`ten-narrow-${kind}`);
    }
    await this.#sideBarTo(330);
    await editor.useTheme(themes.dark);
  }

  /** The whole window: views, a VM's parts, its console. */
  async console(): Promise<void> {
    const editor = this.#editor;
    await this.#group("By Compose project");
    await this.#sideBarTo(330);
    const web = editor.row("Virtual Machines", /^web/);
    await web.locator(".monaco-tl-twistie").click();
    await editor.row("Virtual Machines", "18080").waitFor();
    await this.#open("server.js");
    await web.click();
    await editor.waitForTerminalNamed("web");
    await editor.waitForTerminal(/\/ # ?$/);
    await editor.type("clear; hostname; ip -4 addr show eth0; ls");
    await editor.waitForTerminal(/^bin.*\n(.*\n)*.*\/ # ?$/m);
    await editor.useTheme(themes.dark);
    await this.#save("screenshot");
    await this.#both("walkthrough/console", editor.page.locator(".part.panel"));
    await editor.command("workbench.action.closePanel");
    await editor.command("workbench.action.closeAllEditors");
    await web.locator(".monaco-tl-twistie").click();
    await this.#group("Not at all");
  }

  /** The wizard's last step, which sums up. */
  async wizard(): Promise<void> {
    const editor = this.#editor;
    const fill = async () => {
      await editor.begin("mocker.run");
      await editor.pick("node:20");
      await editor.answer("Name of the VM", "preview");
      await editor.pick("bridge");
      await editor.pick("Continue without ports");
      await editor.pick("Workspace folder demo");
      await editor.answer("Where the folder appears in the VM", "/workspaces/demo");
      await editor.pick("Continue");
      await editor.pick(".env file…");
      await editor.waitForStep("Add .env File");
      await editor.pick(".env");
      await editor.pick("Continue");
      await editor.pick("1 CPU");
      await editor.waitForStep(/8\/8/);
      await editor.quickInput.locator(".monaco-list-row", { hasText: "Save and Run" }).waitFor();
    };
    await editor.begin("mocker.run");
    await editor.waitForStep(/1\/8/);
    await editor.quickInput.locator(".monaco-list-row", { hasText: "node:20" }).waitFor();
    await this.#both("walkthrough/pull", editor.quickInput);
    await editor.page.keyboard.press("Escape");
    for (const kind of ["dark", "light"] as const) {
      await editor.useTheme(themes[kind]);
      await fill();
      await this.#saveArea(`walkthrough/wizard-${kind}`, editor.quickInput);
      if (kind === "light") await this.#save("screenshot-wizard");
      await editor.page.keyboard.press("Escape");
    }
    await editor.useTheme(themes.dark);
  }

  async doctor(): Promise<void> {
    const editor = this.#editor;
    await editor.command("mocker.doctor");
    const page = editor.page.frameLocator("iframe.webview").frameLocator("iframe#active-frame");
    const verdict = page.getByRole("row", { name: "KVM" });
    await verdict.waitFor();
    // What comes below are paths of this machine.
    await this.#both("walkthrough/doctor", editor.page.locator(".part.editor"), verdict);
    await editor.command("workbench.action.closeAllEditors");
  }

  /** The page of the extension, with its README. */
  async page(): Promise<void> {
    const editor = this.#editor;
    await editor.begin("workbench.extensions.search", "@installed mocker");
    await editor.page.locator(".extension-list-item", { hasText: "microVMs" }).first().click();
    const page = editor.page.frameLocator("iframe.webview").frameLocator("iframe#active-frame");
    await page.getByRole("heading", { name: "Mocker" }).first().waitFor();
    await retry(
      async () =>
        await page
          .locator("img")
          .evaluateAll(
            (images) =>
              images.length > 0 &&
              images.every((image) => image instanceof HTMLImageElement && image.naturalWidth > 0),
          ),
      { what: "pictures that show" },
    );
    for (const kind of ["dark", "light"] as const) {
      await editor.useTheme(themes[kind]);
      await editor.capture(`page-${kind}`);
    }
    await editor.command("workbench.action.closeAllEditors");
    // Beside a side bar there is no room for pictures.
    await editor.command("workbench.action.closeSidebar");
    await editor.command("workbench.action.openWalkthrough", "mocker.mocker#start");
    await editor.page.locator(".getting-started-step").first().waitFor();
    const steps = await editor.page.locator(".getting-started-step").count();
    for (const [theme, kind] of Object.entries(themeClasses)) {
      await editor.useTheme(theme as keyof typeof themeClasses);
      for (let step = 0; step < steps; step++) {
        await editor.page.locator(".getting-started-step").nth(step).click();
        await editor.page.waitForTimeout(700);
        await editor.capture(`walkthrough-${step + 1}-${kind}`);
      }
    }
    await editor.command("workbench.action.closeAllEditors");
    await editor.useTheme(themes.dark);
    await editor.showViews();
  }

  /** F5, a stop at a breakpoint, a step, the end: frames of an animation. */
  async debugging(): Promise<void> {
    const editor = this.#editor;
    const { page } = editor;
    const frames: Frame[] = [];
    const shot = async (seconds: number) => {
      await page.waitForTimeout(500);
      frames.push({ png: await page.screenshot(), seconds });
    };
    await editor.useTheme(themes.dark);
    await page.setViewportSize({ width: 1120, height: 700 });
    await this.#sideBarTo(300);
    await this.#open("server.js");
    await page.mouse.move(700, 15);
    await shot(1.5);
    await editor.host(async (api) => {
      const [folder] = api.workspace.workspaceFolders ?? [];
      if (folder === undefined) throw new Error("no folder");
      const uri = api.Uri.joinPath(folder.uri, "server.js");
      api.debug.addBreakpoints([new api.SourceBreakpoint(new api.Location(uri, new api.Position(4, 0)))]);
    });
    await shot(1.5);
    await page.keyboard.press("F5");
    await page.waitForTimeout(1200);
    await shot(1);
    await editor.command("workbench.debug.action.focusRepl");
    await page.locator(".repl", { hasText: "listening in the VM" }).waitFor({ timeout: 180_000 });
    await editor.command("workbench.view.extension.mocker");
    const vm = editor.row("Virtual Machines", "node:20");
    await vm.waitFor();
    await shot(2.5);
    const id = (await editor.mocker.ok(["ps", "-q", "--filter", "label=mocker.debug"])).trim();
    const address = (await editor.mocker.ok(["port", id, "8080"])).split("\n")[0];
    // It ends when the program goes on.
    const answer = fetch(`http://${address}/?name=microVM`).catch(() => undefined);
    await retry(
      () =>
        editor.host(
          (api) => api.debug.activeStackItem !== undefined && "frameId" in api.debug.activeStackItem,
        ),
      {
        timeoutMs: 60_000,
        what: "a stop",
      },
    );
    await editor.command("workbench.view.debug");
    const variables = page.locator(".debug-variables .monaco-list-row");
    await variables.filter({ hasText: "Local: greet" }).click();
    await variables.filter({ hasText: "greeting" }).waitFor();
    await editor.command("workbench.action.focusActiveEditorGroup");
    await page.mouse.move(700, 15);
    await shot(3);
    await this.#both("walkthrough/debugging", page.locator(".monaco-workbench"));
    await editor.command("workbench.debug.action.focusRepl");
    await page.keyboard.type("process.cwd()");
    await page.keyboard.press("Enter");
    await shot(2.5);
    await editor.command("workbench.action.debug.continue");
    await answer;
    await editor.command("workbench.view.extension.mocker");
    await shot(1.5);
    await editor.command("workbench.action.debug.stop");
    await retry(async () => (await editor.mocker.ok(["ps", "-aq", "--filter", "label=mocker.debug"])) === "");
    await vm.waitFor({ state: "detached" });
    await shot(3);
    const picture = animate(frames);
    writeFileSync(join(media, "debugging.png"), picture);
    process.stdout.write(`debugging.png: ${frames.length} frames, ${Math.round(picture.length / 1000)} kB\n`);
    for (const [index, { png }] of frames.entries()) {
      writeFileSync(join(screenshotFolder(), `frame-${index}.png`), png);
    }
    await editor.command("workbench.action.closeAllEditors");
    await page.setViewportSize({ width: 1280, height: 800 });
  }

  /** Opens a file of the workspace. */
  async #open(name: string): Promise<void> {
    await this.#editor.host(async (api, file: string) => {
      const [folder] = api.workspace.workspaceFolders ?? [];
      if (folder !== undefined) await api.window.showTextDocument(api.Uri.joinPath(folder.uri, file));
    }, name);
  }

  async #group(how: string): Promise<void> {
    await this.#editor.begin("mocker.groupVms");
    await this.#editor.pick(how);
    await this.#editor.quickInput.waitFor({ state: "hidden" });
    await this.#editor.page.waitForTimeout(1000);
  }

  /** Drags the edge of the side bar. */
  async #sideBarTo(width: number): Promise<void> {
    const bar = await this.#editor.page.locator(".part.sidebar").boundingBox();
    if (bar === null) throw new Error("no side bar");
    await this.#drag([bar.x + bar.width, 400], [bar.x + width, 400]);
  }

  /** Drags the lower edge of the VMs' view, so that ten have room. */
  async makeRoom(): Promise<void> {
    const images = await this.#editor.view("Images").boundingBox();
    if (images === null) throw new Error("no images");
    await this.#drag([images.x + 100, images.y], [images.x + 100, 400]);
  }

  async #drag(from: [x: number, y: number], to: [x: number, y: number]): Promise<void> {
    const { mouse } = this.#editor.page;
    await mouse.move(...from);
    await mouse.down();
    await mouse.move(...to, { steps: 8 });
    await mouse.up();
    // Where nothing reacts to it.
    await mouse.move(700, 15);
  }

  async #save(name: string): Promise<void> {
    const { page } = this.#editor;
    await page.mouse.move(700, 15);
    await page.waitForTimeout(800);
    await page.screenshot({ path: join(media, `${name}.png`) });
  }

  /** A picture of an area, or of its upper part down to the end of `last`. */
  async #saveArea(name: string, area: Locator, last?: Locator): Promise<void> {
    const { page } = this.#editor;
    await page.waitForTimeout(800);
    const clip = await area.boundingBox();
    const end = await last?.boundingBox();
    if (clip === null) throw new Error(`there is no ${name}`);
    const bottom = end ? end.y + end.height : clip.y + clip.height;
    await page.screenshot({
      path: join(media, `${name}.png`),
      clip: { ...clip, height: Math.floor(bottom - clip.y) - 2 },
    });
  }

  async #both(name: string, area: Locator, last?: Locator): Promise<void> {
    for (const kind of ["light", "dark"] as const) {
      await this.#editor.useTheme(themes[kind]);
      await this.#saveArea(`${name}-${kind}`, area, last);
    }
  }
}

async function main(): Promise<void> {
  const scenes = ["rows", "console", "wizard", "doctor", "page", "debugging"] as const;
  const wanted = process.argv.slice(2);
  mkdirSync(screenshotFolder(), { recursive: true });
  await runTool("npm", ["run", "build"], { cwd: rootDir() });
  const mocker = new Mocker();
  await makeImages(mocker);
  await makeVms(mocker);
  const editor = await Editor.open({
    mocker,
    files,
    imagesUrl: "https://mocker.example",
    settings: { "remote.autoForwardPorts": false },
  });
  const pictures = new Pictures(editor);
  try {
    await editor.showViews();
    await editor.row("Virtual Machines", "web").waitFor();
    await pictures.makeRoom();
    for (const scene of scenes) {
      if (wanted.length > 0 && !wanted.includes(scene)) continue;
      await pictures[scene]();
      process.stdout.write(`${scene}\n`);
    }
    process.stdout.write(`${media}\n${screenshotFolder()}/ten-….png\n`);
  } catch (error) {
    await editor.capture("failed-pictures");
    throw error;
  } finally {
    await editor.close();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${(error as Error)?.stack ?? String(error)}\n`);
    process.exit(1);
  },
);
