import { afterEach, beforeEach } from "mocha";
import type { Editor } from "./editor.ts";

/**
 * To be called in a suite: a test that fails leaves a picture of how the editor looks then. With `inOrder`,
 * the tests are steps of one story, which ends there.
 */
export function pictureFailures(editor: () => Editor | undefined, inOrder = false): void {
  let failed: string | undefined;
  beforeEach(() => {
    if (inOrder && failed !== undefined) throw new Error(`it builds on "${failed}", which failed`);
  });
  afterEach(async function () {
    if (this.currentTest?.state !== "failed") return;
    failed ??= this.currentTest.title;
    const name = this.currentTest.title.replace(/\W+/g, "-").slice(0, 60);
    await editor()?.capture(`failed-${name}`);
  });
}
