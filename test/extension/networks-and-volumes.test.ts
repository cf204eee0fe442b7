import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { parse } from "jsonc-parser/lib/esm/main.js";
import { after, before, describe, it } from "mocha";
import type { Locator } from "playwright-core";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";
import { Editor, type ViewName } from "./harness/editor.ts";
import { importImage } from "./harness/local-image.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

const page = "<h1>From the VM</h1>";

describe("networks, ports and volumes", () => {
  let editor: Editor;
  let port = 0;
  /** Of the network "backend". */
  let networkPid = 0;
  const vm = (name: string | RegExp) => editor.row("Virtual Machines", name);
  const volume = (name: string | RegExp) => editor.row("Volumes", name);
  const network = (name: string | RegExp) => editor.row("Networks", name);
  const dialog = () => editor.page.locator(".monaco-dialog-box");
  const step = (text: string | RegExp) => editor.quickInput.locator(".monaco-list-row", { hasText: text });
  const names = async (noun: "volume" | "network") =>
    (await editor.mocker.ok([noun, "ls", "--format", "{{.Name}}"])).trim().split("\n").sort();
  /** Writes something else into the input that objects to what is in it. */
  const correct = async (text: string) => {
    await editor.quickInput.locator("input[type=text]").first().fill(text);
    await editor.page.keyboard.press("Enter");
  };
  pictureFailures(() => editor, true);
  before(async () => {
    const mocker = new Mocker();
    await importImage(mocker, "busybox", "busybox:1.36");
    await importImage(mocker, "configured", "configured:1.0");
    editor = await Editor.open({
      mocker,
      files: { "index.html": page },
      // The editor offers a browser by itself for ports that it finds, whenever it does.
      settings: { "remote.otherPortsAttributes": { onAutoForward: "silent" } },
    });
    await editor.showViews();
    await editor.row("Images", "busybox:1.36").waitFor();
  });
  after(async () => await editor?.close());

  it("an empty machine has a welcome for volumes, which creates one, and the default network", async () => {
    await editor.command("mocker.networks.focus");
    await network("bridge").filter({ hasText: "not used" }).waitFor();
    await editor.command("mocker.volumes.focus");
    await editor.view("Volumes").getByText("Create a Volume").click();
    await editor.waitForStep("Create Volume");
    await editor.page.keyboard.type("x");
    await editor.quickInput.getByText("At least two letters").waitFor();
    await correct("pgdata");
    await volume("pgdata").filter({ hasText: "not used" }).waitFor();
    assert.deepEqual(await names("volume"), ["pgdata"]);
  });

  it("a network is created with a subnet of one's own; what is wrong with it is told at once", async () => {
    await editor.press(editor.view("Networks"), "Create Network…");
    await editor.answer("Name of the network", "backend");
    await editor.pick("Subnet…");
    await editor.waitForStep("Subnet; empty");
    await editor.page.keyboard.type("10.89.7.5/24");
    await editor.quickInput.getByText("The subnet of this address is 10.89.7.0/24").waitFor();
    await correct("10.89.7.0/24");
    await step(/Subnet….*10\.89\.7\.0\/24/).waitFor();
    await editor.pick("Internal: no");
    await step("Internal: yes").waitFor();
    await editor.shoot("network-create");
    await editor.pick("Internal: yes");
    await editor.pick(/^Create/);
    await network("backend").filter({ hasText: "10.89.7.0/24" }).waitFor();
    assert.deepEqual(await names("network"), ["backend", "bridge", "host", "none"]);
  });

  it("the views follow what the command line does, and say what is used by whom", async () => {
    port = await freePort();
    const mounts = [
      "-v",
      `${editor.workspace}:/site:ro`,
      "-v",
      "pgdata:/data",
      "--mount",
      "type=tmpfs,target=/scratch",
    ];
    const ports = ["-p", `${port}:8080`, "-p", "127.0.0.1::53/udp", "--expose", "9000"];
    const command = ["httpd", "-f", "-p", "8080", "-h", "/site"];
    await editor.mocker.ok([
      ...["run", "-d", "--name", "web", "--network", "backend", ...ports, ...mounts],
      ...["busybox:1.36", ...command],
    ]);
    await volume("pgdata").filter({ hasText: "web" }).waitFor();
    await network("backend").filter({ hasText: "used by web" }).waitFor();
    await editor.mocker.ok(["volume", "create", "spare"]);
    await volume("spare").filter({ hasText: "not used" }).waitFor();
    await editor.mocker.ok(["network", "create", "--internal", "quiet"]);
    await network("quiet").filter({ hasText: "internal" }).waitFor();
    await editor.shoot("networks-and-volumes");
    await editor.shootContrast("networks-and-volumes");
  });

  it("a VM's ports, networks and mounts are rows below it", async () => {
    // The others make room.
    for (const name of ["Images", "Volumes", "Networks", "Run Configurations"] as const)
      await toggle(editor, name);
    await vm("web").click();
    await editor.command("mocker.vms.focus");
    await editor.page.keyboard.press("ArrowRight");
    const open = vm(`${port} → 8080/tcp`).filter({ hasText: "open to others" });
    await open.waitFor();
    await vm(/→ 53\/udp/)
      .filter({ hasText: "this machine only" })
      .waitFor();
    await vm("9000/tcp").filter({ hasText: "not published" }).waitFor();
    await vm("backend").filter({ hasText: "10.89.7." }).waitFor();
    await vm("/site").filter({ hasText: "read-only" }).waitFor();
    await vm("/data").filter({ hasText: "pgdata" }).waitFor();
    await vm("/scratch").filter({ hasText: "tmpfs" }).waitFor();
    const label = `Port ${port} of this machine leads to port 8080 tcp, open to others`;
    await editor.view("Virtual Machines").getByLabel(label, { exact: true }).waitFor();
    await vm("/site").filter({ hasText: "demo" }).waitFor();
    await editor.command("workbench.action.closePanel");
    await editor.shoot("vm-rows");
    await editor.shootContrast("vm-rows");
  });

  it("a port is opened in a browser, and its address is copied", async () => {
    await editor.menu(vm(`${port} → 8080/tcp`), "Copy Address");
    await retry(async () => (await editor.clipboard()) === `localhost:${port}`, { what: "the address" });
    // On the desktop that browser is out of sight.
    if (process.env.MOCKER_TEST_EDITOR === "desktop") return;
    const opened = editor.page.context().waitForEvent("page");
    await editor.press(vm(`${port} → 8080/tcp`), "Open in Browser");
    const tab = await opened;
    await tab.getByText("From the VM").waitFor();
    assert.match(tab.url(), new RegExp(String(port)));
    await tab.close();
  });

  it("from the rows of a VM one goes to its folders, volumes and networks", async () => {
    await editor.menu(vm("/data"), "Inspect Volume");
    await editor.page.locator(".tab.active", { hasText: "pgdata.json" }).waitFor();
    await editor.menu(vm("backend"), "Inspect Network");
    await editor.page.locator(".tab.active", { hasText: "backend.json" }).waitFor();
    const text = await editor.host((api) => api.window.activeTextEditor?.document.getText());
    const details = JSON.parse(text ?? "") as { subnet: string; pid: number };
    assert.equal(details.subnet, "10.89.7.0/24");
    networkPid = details.pid;
    await editor.command("workbench.action.closeAllEditors");
    await editor.press(vm("/site"), "Reveal in Explorer View");
    await editor.page.locator(".explorer-folders-view .monaco-list-row", { hasText: "index.html" }).waitFor();
    await editor.showViews();
  });

  it("a network whose process has ended is told where it is missed", async () => {
    process.kill(networkPid, "SIGKILL");
    await vm("backend").filter({ hasText: "has ended" }).waitFor();
    await vm("web").filter({ hasText: "network lost" }).waitFor();
    await vm("8080/tcp").filter({ hasText: "not published" }).waitFor();
    await editor.command("mocker.networks.focus");
    await network("backend").filter({ hasText: "VMs have lost it" }).waitFor();
    await editor.shoot("network-lost");
    await toggle(editor, "Networks");
  });

  it("when the VM has stopped its ports are gone, and its other rows stay", async () => {
    await editor.mocker.ok(["restart", "-t", "0", "web"]);
    await vm(`${port} → 8080/tcp`).waitFor();
    await vm("web").filter({ hasNotText: "network lost" }).waitFor();
    await editor.mocker.ok(["stop", "-t", "0", "web"]);
    await vm("8080/tcp").waitFor({ state: "detached" });
    await vm("/data").waitFor();
    await vm("backend").waitFor();
    await editor.mocker.ok(["start", "web"]);
    await vm(`${port} → 8080/tcp`).waitFor();
  });

  it("removal says who uses it; several go after one question, and prune takes what nobody has", async () => {
    for (const name of ["Volumes", "Networks"] as const) await toggle(editor, name);
    await editor.menu(volume("pgdata"), "Copy Name");
    await retry(async () => (await editor.clipboard()) === "pgdata", { what: "the name" });
    await volume("pgdata").click();
    await editor.page.keyboard.press("Delete");
    await dialog().getByText("Remove the volume pgdata?").waitFor();
    await dialog().getByText("Used by web:").waitFor();
    await dialog().getByRole("button", { name: "Remove VM Too" }).waitFor();
    await editor.shoot("volume-remove");
    await dialog().getByRole("button", { name: "Cancel" }).click();
    await network("backend").click();
    await editor.page.keyboard.down("Control");
    await network("quiet").click();
    await editor.page.keyboard.up("Control");
    await editor.page.keyboard.press("Delete");
    await dialog().getByText("Remove 2 networks?").waitFor();
    await dialog().getByText("Running in it: web.").waitFor();
    await dialog().getByRole("button", { name: "Cancel" }).click();
    // The row that the arrow keys led to, not the one that is selected.
    await network("backend").click();
    await editor.page.keyboard.press("End");
    await editor.page.keyboard.press("Delete");
    await dialog().getByText("Remove the network quiet?").waitFor();
    await dialog().getByRole("button", { name: "Cancel" }).click();
    // Not by its button: the tooltip of a row may lie over it.
    await editor.begin("mocker.pruneNetworks");
    await editor.waitForStep("Prune Networks: 1 that no VM uses");
    await editor.page.keyboard.press("Enter");
    await network("quiet").waitFor({ state: "detached" });
    await editor.mocker.ok(["volume", "create"]);
    await editor.begin("mocker.pruneVolumes");
    await editor.waitForStep(/Prune Volumes: .*B that no VM uses/);
    await step("anonymous").locator("input:checked, .checked").first().waitFor();
    await editor.shoot("volume-prune");
    await editor.page.keyboard.press("Enter");
    await retry(async () => (await names("volume")).join() === "pgdata,spare", {
      what: "the volumes that have names",
    });
    assert.deepEqual(await names("network"), ["backend", "bridge", "host", "none"]);
    assert.deepEqual(await editor.toasts(), []);
  });

  it("the wizard: a network, exposed ports, a port of one's own, a new and an old volume", async () => {
    await toggle(editor, "Run Configurations");
    const own = await freePort();
    await editor.begin("mocker.run");
    await editor.pick("configured:1.0");
    await editor.answer("Name of the VM", "shop");
    await step("Create Network…").waitFor();
    await editor.shoot("wizard-network");
    await editor.pick("none");
    await editor.waitForStep("The network none publishes no ports");
    await editor.quickInput.getByRole("button", { name: "Back" }).click();
    await editor.waitForStep(/3\/8/);
    await editor.pick("backend");
    const exposed = step("→ 8080/tcp");
    await exposed.filter({ hasText: "this machine only (127.0.0.1)" }).waitFor();
    await editor.press(exposed, "Open to Other Machines");
    await exposed.filter({ hasText: "open to others" }).waitFor();
    await editor.press(exposed, "This Machine Only");
    await editor.pick("Port…");
    await editor.waitForStep("Publish a Port");
    await editor.page.keyboard.type("80a:80");
    await editor.quickInput.getByText("invalid hostPort: 80a").waitFor();
    await editor.shoot("wizard-port-wrong");
    await correct(`${own}:53/udp`);
    await step(`${own} → 53/udp`).filter({ hasText: "this machine only" }).waitFor();
    await editor.shoot("wizard-ports");
    await editor.shootContrast("wizard-ports");
    await editor.pick("Continue");
    await editor.pick("New Volume…");
    await editor.answer("Name of the volume", "orders");
    await editor.answer("Where the folder appears in the VM", "/var/orders");
    await step("→ /var/orders").waitFor();
    await editor.pick("spare");
    await editor.answer("Where the folder appears in the VM", "/mnt/spare");
    const spare = step("→ /mnt/spare");
    await editor.press(spare, "Make Read-Only");
    await spare.filter({ hasText: "(read-only)" }).waitFor();
    await editor.shoot("wizard-volumes");
    await editor.pick("Continue");
    await editor.pick("Continue without variables");
    await editor.pick("Default");
    await editor.waitForStep(/8\/8/);
    await editor.pick("Save and Run");
    await editor.answer("Name of the run configuration", "shop");
    await editor.waitForTerminalNamed("shop");
    await volume("orders").filter({ hasText: "shop" }).waitFor();
    const file = readFileSync(join(editor.workspace, ".vscode/mocker.json"), "utf8");
    const [saved] = (parse(file) as { runConfigurations: { ports: string[] }[] }).runConfigurations;
    const [first = "", ...others] = saved?.ports ?? [];
    assert.match(first, /^127\.0\.0\.1:\d+:8080$/);
    assert.deepEqual(
      { ...saved, ports: others },
      {
        name: "shop",
        image: "configured:1.0",
        vmName: "shop",
        network: "backend",
        ports: [`127.0.0.1:${own}:53/udp`],
        volumes: [
          { type: "volume", source: "orders", target: "/var/orders" },
          { type: "volume", source: "spare", target: "/mnt/spare", readOnly: true },
        ],
      },
    );
  });

  it("the file of run configurations tells a wrong port from a right one", async () => {
    // The view is drawn anew for the VM that has just ended: VS Code opens nothing by a click meanwhile.
    await retry(async () => {
      await editor.row("Run Configurations", "shop").click();
      await editor.page.locator(".view-line", { hasText: "backend" }).waitFor({ timeout: 5000 });
      return true;
    });
    const problems = () =>
      editor.host(
        (api) =>
          api.languages
            .getDiagnostics()
            .flatMap(([uri, found]) => (uri.path.endsWith("/mocker.json") ? found : [])).length,
      );
    assert.equal(await problems(), 0);
    await editor.host(async (api) => {
      const active = api.window.activeTextEditor;
      const at = active?.document.getText().indexOf(':8080"') ?? 0;
      await active?.edit((edit) => edit.insert(active.document.positionAt(at + 5), "x"));
    });
    await editor
      .row("Run Configurations", "shop")
      .filter({ hasText: "invalid containerPort: 8080x" })
      .waitFor();
    await retry(async () => (await problems()) === 1, { what: "the schema's objection" });
    await editor.command("workbench.action.files.revert");
    assert.ok(existsSync(join(editor.workspace, "index.html")));
  });
});

/** Collapses a view, or opens it again. */
async function toggle(editor: Editor, name: ViewName): Promise<void> {
  const header: Locator = editor.view(name).locator(".pane-header .title");
  await header.click();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
