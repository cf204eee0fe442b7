import { afterEach } from "mocha";
import type { Editor } from "./editor.ts";

/** To be called in a suite: a test that fails leaves a picture of how the editor looks then. */
export function pictureFailures(editor: () => Editor | undefined): void {
  afterEach(async function () {
    if (this.currentTest?.state !== "failed") return;
    const name = this.currentTest.title.replace(/\W+/g, "-").slice(0, 60);
    await editor()?.capture(`failed-${name}`);
  });
}
