import assert from "node:assert/strict";
import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ContentStore } from "../../../../../engine/daemon/images/store/content-store.ts";
import { DeferredSync } from "../../../../../engine/daemon/images/store/deferred-sync.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

test("what is made anew during a flush is not said to be flushed", async () => {
  const store = new ContentStore(tmpDir());
  const file = (name: string): string => join(store.layersDir, name);
  const make = (stem: string): void => {
    for (const suffix of ["data", "index"]) writeFileSync(file(`${stem}.${suffix}`), stem);
  };
  const directory = tmpDir();
  const [begun, go] = [join(directory, "begun"), join(directory, "go")];
  writeFileSync(
    join(directory, "sync"),
    `#!/bin/sh\ntouch ${begun}\nwhile [ ! -e ${go} ]; do sleep 0.01; done\n`,
  );
  chmodSync(join(directory, "sync"), 0o755);
  const { PATH } = process.env;
  process.env.PATH = `${directory}:${PATH}`;
  try {
    make("aa");
    make("bb");
    new DeferredSync(store, 0).schedule();
    while (!existsSync(begun)) await sleep(5);
    for (const suffix of ["index", "data"]) rmSync(file(`aa.${suffix}`));
    make("aa");
    writeFileSync(go, "");
    while (!existsSync(file("bb.synced"))) await sleep(5);
    assert.ok(!existsSync(file("aa.synced")));
  } finally {
    process.env.PATH = PATH;
  }
});
