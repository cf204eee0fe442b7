/** Another machine's engine, by a program called ssh that runs commands here, as another home has it. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { FrameType, imageLoad, streamUpload, vmExec, vmList } from "../../../../engine/protocol/index.ts";
import { rootDir } from "../../../support/paths.ts";
import { vmSummary } from "../fixtures.ts";
import { Setup } from "../harness.ts";

const ssh = `#!/bin/sh
echo "$*" >>"$0.log"
while [ "$1" != -- ]; do shift; done
shift 2
cd / && exec env PATH="\${0%/*}/there:$PATH" MOCKER_RUN_DIR="$THERE" MOCKER_DATA_DIR="$THERE" sh -c "$*"
`;

interface Machines {
  here: Setup;
  there: Setup;
  run: (...argv: string[]) => ReturnType<Setup["run"]>;
  /** What ssh was called with. */
  log: () => string;
}

async function machines(t: TestContext, installed = true): Promise<Machines> {
  const [here, there] = [await Setup.create(), await Setup.create()];
  t.after(() => Promise.all([here.close(), there.close()]));
  const bin = join(here.dir, "bin");
  mkdirSync(join(bin, "there"), { recursive: true });
  writeFileSync(join(bin, "ssh"), ssh, { mode: 0o755 });
  if (installed) symlinkSync(join(rootDir(), "dist", "cli.js"), join(bin, "there", "mocker"));
  const env = {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    MOCKER_HOST: "ssh://me@box:2222",
    THERE: there.dir,
  };
  return {
    here,
    there,
    run: (...argv) => here.run(argv, env),
    log: () => readFileSync(join(bin, "ssh.log"), "utf8"),
  };
}

test("requests and streams go through ssh", async (t) => {
  const { here, there, run, log } = await machines(t);
  there.engine.handle(vmList, () => [vmSummary({ name: "there" })]);
  assert.match((await run("ps")).stdout, / there\n$/);
  assert.equal(
    log(),
    "-o ConnectTimeout=30 -T -l me -p 2222 -- box mocker --context default system dial-stdio\n",
  );
  there.engine.handle(vmExec, () => ({
    execId: "e",
    stream: there.engine.stream((peer) => {
      // After its end of input: the connection is half open.
      void peer
        .until(() => peer.sawEndOfStdin())
        .then(() => {
          for (let frame = 0; frame < 3; frame++) peer.send(FrameType.stdout, "x".repeat(1_000_000));
          peer.exit(7);
        });
    }),
  }));
  const { code, stdout, stderr } = await run("exec", "-i", "there", "cat");
  assert.deepEqual([code, stdout.length, stderr], [7, 3_000_000, ""]);
  assert.equal(here.engine.connections, 0);
});

test("files of this machine are sent, or refused", async (t) => {
  const { here, there, run } = await machines(t);
  writeFileSync(join(here.dir, "image.tar"), "archive");
  let receive: (text: string) => void = () => undefined;
  const sent = new Promise<string>((resolve) => {
    receive = resolve;
  });
  there.engine
    .handle(streamUpload, () => ({
      upload: "u",
      stream: there.engine.stream((peer) => {
        void peer.until(() => peer.sawEndOfStdin()).then(() => receive(peer.stdin().toString()));
      }),
    }))
    .handle(imageLoad, async () => {
      await sent;
      return { images: [], renamed: [] };
    });
  assert.equal((await run("load", "-i", "image.tar")).code, 0);
  assert.equal(await sent, "archive");
  const pulled = await run("pull", "oci:layout");
  assert.match(
    pulled.stderr,
    /oci: names an image that is on this machine, and the engine is that of box\nhint: /,
  );
  assert.match((await run("run", "--secret-env", "A,src=f", "img")).stderr, /the engine is that of box/);
  assert.match((await run("system", "service", "install")).stderr, /the engine is that of box/);
});

test("what ssh fails with is said", async (t) => {
  const { run } = await machines(t, false);
  const { code, stderr } = await run("ps");
  assert.equal(code, 1);
  assert.match(stderr, /^mocker: cannot connect to the mocker engine of box: .*mocker: .*not found\n/);
  assert.match(stderr, /\nhint: Install mocker on box, /);
});
