/// <reference lib="dom" />
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { after, before, describe, it } from "mocha";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";
import { Editor } from "./harness/editor.ts";
import { importImage } from "./harness/local-image.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

const program = (word: string) => `const words: string[] = ["${word}", "the", "VM"];
const text: string = words.join(" ");
console.log(text, process.cwd());
if (process.argv.includes("fail")) throw new Error("it failed");
`;

/** TypeScript as a build leaves it; its map names the source as it is seen from there. */
async function compiled(source: string, name: string): Promise<Record<string, string>> {
  const { code, map } = await transform(source, {
    loader: "ts",
    format: "cjs",
    sourcemap: "external",
    sourcefile: name,
  });
  return { "dist/main.js": `${code}//# sourceMappingURL=main.js.map\n`, "dist/main.js.map": map };
}

const runConfigurations = [
  { name: "serve", image: "busybox:1.36", vmName: "serve", command: ["sleep", "3600"] },
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
    { type: "mocker", exec: "echo built > /tmp/built", vm: "web", label: "compiles", problemMatcher: [] },
    { type: "mocker", run: "serve", label: "serve", isBackground: true, problemMatcher: "$mocker" },
    { label: "build", dependsOn: ["compiles", "serve"], problemMatcher: [] },
  ],
};

const node = {
  type: "mocker",
  request: "launch",
  image: "debian:12",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: VS Code's own variable
  program: "${workspaceFolder}/dist/main.js",
  volumes: [{ source: process.execPath, target: "/usr/local/bin/node", readOnly: true }],
};

const python = `total = 0
for number in [1, 2, 3]:
    total += number
print("total", total)
`;

const launch = {
  version: "0.2.0",
  configurations: [
    { ...node, name: "Program", args: ["fail"], preLaunchTask: "build" },
    { ...node, name: "Logs" },
    { ...node, name: "Prints", console: "integratedTerminal" },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: VS Code's own variable
    { ...node, name: "Sums", image: "debugpy:1", program: "${workspaceFolder}/main.py", volumes: [] },
  ],
  compounds: [{ name: "Both", configurations: ["Logs", "Prints"] }],
};

describe("tasks and debugging", () => {
  let editor: Editor;
  pictureFailures(() => editor, true);
  before(async () => {
    const mocker = new Mocker();
    await importImage(mocker, "busybox", "busybox:1.36");
    await importImage(mocker, "debian", "debian:12");
    await importImage(mocker, "debugpy", "debugpy:1");
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
        "main.js": "\n",
        "main.py": python,
        "src/main.ts": program("from"),
        ...(await compiled(program("from"), "../src/main.ts")),
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

  /** IDs of the VMs that are debugged in. */
  const debuggedVms = () => editor.mocker.ok(["ps", "-aq", "--filter", "label=mocker.debug"]);

  it("F5 runs what is to be built, boots a VM and stops at a breakpoint of the source that the program was built from", async () => {
    await editor.host(async (api) => {
      const [folder] = api.workspace.workspaceFolders ?? [];
      if (folder === undefined) throw new Error("no folder");
      const uri = api.Uri.joinPath(folder.uri, "src/main.ts");
      await api.window.showTextDocument(uri);
      api.debug.addBreakpoints([new api.SourceBreakpoint(new api.Location(uri, new api.Position(2, 0)))]);
    });
    await editor.page.keyboard.press("F5");
    await retry(async () => (await stoppedAt(editor)) === "src/main.ts:3", {
      timeoutMs: 180_000,
      what: "a stop",
    });
    // The editor chooses a frame some time after it has stopped.
    const found = await retry(() => evaluate(editor, "text"), { what: "a frame to evaluate in" });
    assert.equal(found, "'from the VM'");
    await editor.shoot("debugging");
    assert.match(await editor.mocker.ok(["ps"]), /debian:12.*127\.0\.0\.1:\d+->9229/);
    assert.equal(await editor.mocker.ok(["exec", "web", "cat", "/tmp/built"]), "built\n");
    // The background task's matcher said that it runs.
    assert.match(await editor.mocker.ok(["ps", "--format", "{{.Names}}"]), /^serve$/m);
  });

  it("restart runs what was built anew in the same VM, also if the sources' names are the VM's", async () => {
    const vm = await debuggedVms();
    const files = await compiled(program("again from"), "/workspaces/demo/src/main.ts");
    for (const [name, text] of Object.entries({ "src/main.ts": program("again from"), ...files })) {
      writeFileSync(join(editor.workspace, name), text);
    }
    await editor.begin("workbench.action.debug.restart");
    await retry(
      async () =>
        (await stoppedAt(editor)) === "src/main.ts:3" &&
        (await evaluate(editor, "text")) === "'again from the VM'",
      { timeoutMs: 120_000, what: "another stop" },
    );
    assert.equal(await debuggedVms(), vm);
  });

  it("an exception that nobody catches stops the program", async () => {
    await editor.command("workbench.debug.action.focusBreakpointsView");
    const uncaught = editor.page.locator(".debug-breakpoints .monaco-list-row", {
      hasText: "Uncaught Exceptions",
    });
    await uncaught.getByRole("checkbox").click();
    await editor.command("workbench.action.debug.continue");
    await retry(async () => (await stoppedAt(editor)) === "src/main.ts:4", {
      what: "a stop at the exception",
    });
    await editor.shoot("debug-exception");
    await uncaught.getByRole("checkbox").click();
  });

  it("stop ends the VM as well", async () => {
    await editor.begin("workbench.action.debug.stop");
    await retry(async () => (await debuggedVms()) === "", { timeoutMs: 60_000 });
    await retry(
      async () => (await editor.host((api) => api.debug.activeDebugSession === undefined)) === true,
    );
  });

  it("programs that end take sessions and VMs with them, and leave what they said in console and terminal", async () => {
    // A program may be over before anybody has looked: all that began and ended is written down.
    await editor.host((api) => {
      api.debug.removeBreakpoints(api.debug.breakpoints);
      const ended: string[] = [];
      Object.assign(globalThis, { endedDebugSessions: ended });
      api.debug.onDidTerminateDebugSession(({ type, name }) => ended.push(`${type} ${name}`));
    });
    await editor.host((api) => {
      api.debug.startDebugging(api.workspace.workspaceFolders?.[0], "Both");
    });
    await retry(
      async () => {
        const ended = await editor.host(() => Reflect.get(globalThis, "endedDebugSessions") as string[]);
        if (ended.includes("mocker Logs") && ended.includes("mocker Prints")) return true;
        throw new Error(`only these sessions ended: ${ended.join(", ")}`);
      },
      { timeoutMs: 180_000 },
    );
    await retry(async () => (await debuggedVms()) === "", { timeoutMs: 60_000 });
    await editor.waitForTerminal(/^again from the VM \/workspaces\/demo$/m);
    await editor.command("workbench.debug.action.focusRepl");
    await editor.page.locator(".repl", { hasText: "again from the VM /workspaces/demo" }).waitFor();
    await editor.shoot("debug-console");
  });

  it("a program in Python stops at a breakpoint with a condition", async () => {
    await editor.host(async (api) => {
      const [folder] = api.workspace.workspaceFolders ?? [];
      if (folder === undefined) throw new Error("no folder");
      const uri = api.Uri.joinPath(folder.uri, "main.py");
      await api.window.showTextDocument(uri);
      const place = new api.Location(uri, new api.Position(2, 0));
      api.debug.addBreakpoints([new api.SourceBreakpoint(place, true, "number == 3")]);
      api.debug.startDebugging(folder, "Sums");
    });
    await retry(async () => (await stoppedAt(editor)) === "main.py:3", {
      timeoutMs: 180_000,
      what: "a stop",
    });
    assert.equal(await retry(() => evaluate(editor, "(number, total)")), "(3, 3)");
    await editor.shoot("debugging-python");
    await editor.shootContrast("debugging-python");
    await editor.begin("workbench.action.debug.stop");
    await retry(async () => (await debuggedVms()) === "", { timeoutMs: 60_000 });
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
