import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { main } from "../../../../../engine/cli/program.ts";
import { type EventMessage, engineEvents, MockerError } from "../../../../../engine/protocol/index.ts";
import { Setup } from "../../harness.ts";

const die: EventMessage = {
  timeNs: "1767323045000000006",
  type: "container",
  action: "die",
  id: "4f2a",
  attributes: { name: "web", image: "alpine" },
};

describe("events", () => {
  let setup: Setup;
  before(async () => {
    setup = await Setup.create();
    setup.engine.handle(engineEvents, async ({ progressToken, until }, { progress, token }) => {
      progress(progressToken, die);
      if (until !== undefined) return null;
      await new Promise<void>((resolve) => token.onCancellationRequested(() => resolve()));
      throw new MockerError("CANCELLED", "cancelled");
    });
  });
  after(() => setup.close());

  test("prints what happened until a time, in one of Docker's formats", async () => {
    const run = (...flags: string[]) => setup.run(["events", "--until", "0s", ...flags]);
    const { code, stdout } = await run("--since", "1h", "-f", "type=container", "-f", "event=die");
    assert.equal(code, 0);
    assert.match(stdout, /^2026-.* container die 4f2a \(image=alpine, name=web\)\n$/);
    const { progressToken: _token, ...params } = setup.engine.paramsOf("engine/events") as Record<
      string,
      unknown
    >;
    assert.deepEqual(params, { since: "1h", until: "0s", filters: { type: ["container"], event: ["die"] } });
    const template =
      "{{.Time}} {{.TimeNano}} {{.Type}} {{.Actor.Attributes.name}}{{.Actor.Attributes.nothing}} {{.From}}";
    assert.equal(
      (await run("--format", template)).stdout,
      "1767323045 1767323045000000006 container web<no value> alpine\n",
    );
    const json = (await run("--format", "json")).stdout;
    assert.match(json, /^\{"status":"die".*"timeNano":1767323045000000006\}\n$/);
    assert.equal((await run("--format", "{{json .}}")).stdout, json);
    assert.equal(
      (await run("--format", "{{json .Actor.Attributes}}")).stdout,
      '{"image":"alpine","name":"web"}\n',
    );
  });

  test("a wrong template is found before anything is asked, with status 64", async () => {
    const calls = setup.engine.calls.length;
    const wrong = await setup.run(["system", "events", "--format", "{{.Nme}}"]);
    assert.equal(wrong.code, 64);
    assert.match(
      wrong.stderr,
      /^Error parsing format: template: .*can't evaluate field Nme in type \*events\.Message\n$/,
    );
    assert.equal(setup.engine.calls.length, calls);
  });

  test("goes on until Ctrl-C", async () => {
    const io = setup.io();
    const running = main(["events"], io);
    while (io.output() === "") await new Promise((resolve) => setImmediate(resolve));
    io.signal("SIGINT");
    assert.equal(await running, 130);
  });
});
