/// <reference lib="dom" />
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import {
  type ImageRecord,
  parseRecord,
  recordText,
} from "../../engine/daemon/images/records/image-records.ts";
import type { VmConfig } from "../../engine/daemon/vms/records/vm-record.ts";
import { Mocker } from "../support/mocker.ts";
import { killQuietly } from "../support/processes.ts";
import { retry } from "../support/retry.ts";
import { Editor } from "./harness/editor.ts";
import { enginesOf } from "./harness/engines.ts";
import { note } from "./harness/figures.ts";
import { pictureFailures } from "./harness/picture-failures.ts";

const count = 500;

describe("500 VMs and 500 images", () => {
  let editor: Editor;
  pictureFailures(() => editor);
  before(async () => {
    const mocker = new Mocker();
    await makeRecords(mocker);
    editor = await Editor.open({ mocker });
  });
  after(async () => await editor?.close());

  it("the views fill quickly and scroll without long frames", async () => {
    const start = performance.now();
    await editor.showViews();
    await editor.row("Virtual Machines", "vm-").waitFor();
    await editor.row("Images", "demo/").waitFor();
    note("500 VMs and 500 images: views shown", `${Math.round(performance.now() - start)} ms`);
    assert.equal((await editor.mocker.ok(["ps", "-aq"])).trim().split("\n").length, count + 1);
    await editor.shoot("many");
    for (const view of ["Virtual Machines", "Images"] as const) {
      const frames = await scroll(editor, view);
      note(`500 rows: scrolling ${view}`, frames.text);
      assert.ok(frames.rows < 100, `${view} has ${frames.rows} rows in the page: all are drawn at once`);
    }
  });

  it("a change among 500 shows as fast as ever", async () => {
    await editor.command("mocker.vms.focus");
    await editor.page.keyboard.press("Home");
    const started = Date.now();
    await editor.mocker.ok(["run", "-d", "--name", "newest", "hello"]);
    await editor.row("Virtual Machines", "newest").waitFor();
    note("500 VMs: `mocker run` called → row", `${Date.now() - started} ms`);
  });
});

/** One real image and VM, and copies of their records under other IDs and names. */
async function makeRecords(mocker: Mocker): Promise<void> {
  await mocker.ok(["run", "--name", "original", "hello"]);
  for (const pid of enginesOf(mocker)) {
    killQuietly(pid);
    await mocker.waitForProcessEnd(pid);
  }
  const records = join(mocker.dataDir, "images", "records");
  const state = join(mocker.dataDir, "state");
  const image = parseRecord(readFileSync(join(records, readdirSync(records)[0] ?? ""), "utf8"));
  assert.ok(image);
  const vmFolder = join(state, readdirSync(state)[0] ?? "");
  const vm = JSON.parse(readFileSync(join(vmFolder, "config.json"), "utf8")) as VmConfig;
  const exit = readFileSync(join(vmFolder, "exit.json"));
  for (let number = 1; number <= count; number++) {
    const suffix = String(number).padStart(3, "0");
    const imageHex = randomBytes(32).toString("hex");
    const tags = { [`docker.io/demo/app-${suffix}:latest`]: image.manifest.digest };
    const copy: ImageRecord = { ...image, id: `sha256:${imageHex}`, tags, repoDigests: [] };
    writeFileSync(join(records, `${imageHex}.json`), recordText(copy));
    const id = randomBytes(32).toString("hex");
    const folder = join(state, id);
    mkdirSync(folder, { mode: 0o700 });
    const config: VmConfig = {
      ...vm,
      id,
      name: `vm-${suffix}`,
      image: `demo/app-${suffix}`,
      imageId: copy.id,
    };
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    writeFileSync(join(folder, "exit.json"), exit);
  }
}

/** Scrolls a view to its end by the wheel and measures what the frames take. */
async function scroll(editor: Editor, name: "Virtual Machines" | "Images") {
  await editor.view(name).locator(".monaco-list").hover();
  await editor.page.evaluate(`{
    const frames = (window.mockerFrames = []);
    let last = performance.now();
    const tick = () => {
      const now = performance.now();
      frames.push(now - last);
      last = now;
      if (frames.length < 1000) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }`);
  for (let step = 0; step < 40; step++) await editor.page.mouse.wheel(0, 400);
  await retry(async () => (await editor.page.evaluate<number>("window.mockerFrames.length")) > 60, {
    what: "60 frames",
  });
  const frames = await editor.page.evaluate<number[]>("window.mockerFrames");
  const sorted = [...frames].sort((a, b) => a - b);
  const medianMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const worstMs = sorted.at(-1) ?? 0;
  return {
    rows: await editor.view(name).locator(".monaco-list-row").count(),
    text: `${frames.length} frames, median ${medianMs.toFixed(1)} ms, longest ${worstMs.toFixed(0)} ms`,
  };
}
