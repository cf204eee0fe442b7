/// <reference lib="dom" />
import { strict as assert } from "node:assert";
import { after, before, describe, it } from "mocha";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";
import { Editor } from "./harness/editor.ts";
import { importImage } from "./harness/local-image.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

const program = `const words = ["from", "the", "VM"];
const text = words.join(" ");
console.log(text, process.cwd());
`;

const runConfigurations = [
  { name: "check", image: "busybox:1.36", command: ["sh", "-c", "echo checked; exit 3"] },
  {
    name: "compile",
    image: "busybox:1.36",
    command: ["sh", "-c", "echo 'main.js(2,7): error TS2322: not this'; exit 2"],
  },
];

const tasks = {
  version: "2.0.0",
  tasks: [
    { type: "mocker", run: "compile", label: "compile", problemMatcher: "$tsc" },
    { type: "mocker", exec: "hostname; exit 5", vm: "web", label: "inside", problemMatcher: [] },
    { type: "mocker", exec: "echo built > /tmp/built", vm: "web", label: "build", problemMatcher: [] },
  ],
};

const launch = {
  version: "0.2.0",
  configurations: [
    {
      type: "mocker",
      request: "launch",
      name: "Program",
      image: "debian:12",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: VS Code's own variable
      program: "${workspaceFolder}/main.js",
      volumes: [{ source: process.execPath, target: "/usr/local/bin/node", readOnly: true }],
      preLaunchTask: "build",
    },
  ],
};

describe("tasks and debugging", () => {
  let editor: Editor;
  pictureFailures(() => editor, true);
  before(async () => {
    const mocker = new Mocker();
    await importImage(mocker, "busybox", "busybox:1.36");
    await importImage(mocker, "debian", "debian:12");
    await mocker.ok([
      "run",
      "-d",
      "--name",
      "web",
      "--hostname",
      "inside-web",
      "busybox:1.36",
      "sleep",
      "3600",
    ]);
    editor = await Editor.open({
      mocker,
      files: {
        "main.js": program,
        ".vscode/mocker.json": JSON.stringify({ runConfigurations }),
        ".vscode/tasks.json": JSON.stringify(tasks),
        ".vscode/launch.json": JSON.stringify(launch),
      },
    });
    await editor.showViews();
    await editor.row("Virtual Machines", "web").waitFor();
  });
  after(async () => await editor?.close());

  /** Runs a task to its end; the exit code of its process. */
  const runTask = (name: string) =>
    editor.host(async (api, wanted: string) => {
      const all = await api.tasks.fetchTasks({ type: "mocker" });
      const task = all.find((candidate) => candidate.name === wanted);
      if (task === undefined)
        throw new Error(`no ${wanted} among ${all.map(({ name: label }) => label).join()}`);
      return await new Promise<number | undefined>((resolve, reject) => {
        api.tasks.onDidEndTaskProcess((event) => {
          if (event.execution.task.name === wanted) resolve(event.exitCode);
        });
        api.tasks.executeTask(task).then(undefined, reject);
      });
    }, name);

  it("each run configuration is a task, whose exit code is the process's", async () => {
    assert.equal(await runTask("check"), 3);
    await editor.waitForTerminal(/^checked$/m);
    await editor.shoot("task");
    // The VM was the task's.
    await retry(async () => !/busybox.*exited/i.test(await editor.mocker.ok(["ps", "-a"])));
  });

  it("a task runs a command in a VM", async () => {
    assert.equal(await runTask("inside"), 5);
    await editor.waitForTerminal(/^inside-web$/m);
  });

  it("problem matchers see what a task prints", async () => {
    assert.equal(await runTask("compile"), 2);
    await retry(async () => {
      const found = await editor.host((api) =>
        api.languages
          .getDiagnostics()
          .filter(([uri]) => uri.path.endsWith("/main.js"))
          .flatMap(([, diagnostics]) =>
            diagnostics.map(({ message, range }) => `${range.start.line + 1}: ${message}`),
          ),
      );
      return found.includes("2: not this");
    });
  });

  it("F5 runs what is to be built, boots a VM and stops at a breakpoint of the workspace's file", async () => {
    await editor.host(async (api) => {
      const [folder] = api.workspace.workspaceFolders ?? [];
      if (folder === undefined) throw new Error("no folder");
      const uri = api.Uri.joinPath(folder.uri, "main.js");
      await api.window.showTextDocument(uri);
      api.debug.addBreakpoints([new api.SourceBreakpoint(new api.Location(uri, new api.Position(2, 0)))]);
    });
    await editor.page.keyboard.press("F5");
    await retry(async () => (await stoppedAt(editor)) === "main.js:3", { timeoutMs: 60_000, what: "a stop" });
    // The editor chooses a frame some time after it has stopped.
    const found = await retry(() => evaluate(editor, "text"), { what: "a frame to evaluate in" });
    assert.equal(found, "'from the VM'");
    await editor.shoot("debugging");
    assert.match(await editor.mocker.ok(["ps"]), /debian:12.*127\.0\.0\.1:\d+->9229/);
    assert.equal(await editor.mocker.ok(["exec", "web", "cat", "/tmp/built"]), "built\n");
  });

  it("stop ends the VM as well", async () => {
    await editor.command("workbench.action.debug.stop");
    await editor.mocker.until(["ps", "-a"], (text) => !text.includes("debian:12"));
    await retry(
      async () => (await editor.host((api) => api.debug.activeDebugSession === undefined)) === true,
    );
  });

  it("a program that ends takes session and VM with it", async () => {
    await editor.host((api) => api.debug.removeBreakpoints(api.debug.breakpoints));
    await editor.page.keyboard.press("F5");
    await editor.mocker.until(["ps"], /debian:12/);
    await editor.mocker.until(["ps", "-a"], (text) => !text.includes("debian:12"));
    await retry(
      async () => (await editor.host((api) => api.debug.activeDebugSession === undefined)) === true,
    );
    await editor.command("workbench.debug.action.focusRepl");
    await editor.page.locator(".repl", { hasText: "from the VM /workspaces/demo" }).waitFor();
    await editor.shoot("debug-console");
  });
});

/** `file:line` of the frame that has the focus. */
async function stoppedAt(editor: Editor): Promise<string | undefined> {
  return await editor.host(async (api) => {
    const session = api.debug.activeDebugSession;
    const item = api.debug.activeStackItem;
    if (session === undefined || item === undefined || !("threadId" in item)) return undefined;
    const { stackFrames } = (await session.customRequest("stackTrace", { threadId: item.threadId })) as {
      stackFrames: { line: number; source?: { path?: string } }[];
    };
    const [frame] = stackFrames;
    return `${frame?.source?.path?.split("/h/demo/")[1]}:${frame?.line}`;
  });
}

async function evaluate(editor: Editor, expression: string): Promise<string | undefined> {
  return await editor.host(async (api, wanted: string) => {
    const session = api.debug.activeDebugSession;
    const item = api.debug.activeStackItem;
    if (session === undefined || item === undefined || !("frameId" in item)) return undefined;
    const { result } = (await session.customRequest("evaluate", {
      expression: wanted,
      frameId: item.frameId,
      context: "watch",
    })) as { result: string };
    return result;
  }, expression);
}
