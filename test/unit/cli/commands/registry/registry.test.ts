/** push, pull -a, login, logout, search, manifest inspect. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { main } from "../../../../../engine/cli/program.ts";
import {
  imagePull,
  imagePush,
  imageSearch,
  type ManifestDocument,
  MockerError,
  manifestInspect,
  registryLogin,
  registryLoginName,
  registryLogout,
  registryTags,
} from "../../../../../engine/protocol/index.ts";
import { Setup, type TestIo } from "../../harness.ts";

const digest = `sha256:${"d1".repeat(32)}`;
const unencrypted = `
WARNING! Your credentials are stored unencrypted in '/home/me/.docker/config.json'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/

`;
const insecure = "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n";

let setup: Setup;
beforeEach(async () => {
  setup = await Setup.create();
});
afterEach(() => setup.close());

describe("push", () => {
  test("lines tell what became of each layer", async () => {
    setup.engine.handle(imagePush, ({ progressToken = "" }, { progress }) => {
      const report = (layer: string, status: string, more = {}): void =>
        progress(progressToken, { layer, status, ...more });
      for (const layer of ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"]) report(layer, "preparing");
      report("cccccccccccc", "waiting");
      report("aaaaaaaaaaaa", "exists");
      for (const currentBytes of [1, 2]) report("bbbbbbbbbbbb", "pushing", { currentBytes, totalBytes: 2 });
      report("bbbbbbbbbbbb", "retrying", { message: "read ECONNRESET; trying again in 1 s" });
      report("bbbbbbbbbbbb", "pushed");
      report("cccccccccccc", "mounted", { message: "team/base" });
      return { repository: "docker.io/library/app", tags: [{ tag: "latest", digest, size: 527 }] };
    });
    assert.deepEqual(await setup.run(["push", "app"]), {
      code: 0,
      stdout: `Using default tag: latest
The push refers to repository [docker.io/library/app]
aaaaaaaaaaaa: Preparing
bbbbbbbbbbbb: Preparing
cccccccccccc: Preparing
cccccccccccc: Waiting
aaaaaaaaaaaa: Layer already exists
bbbbbbbbbbbb: Retrying: read ECONNRESET; trying again in 1 s
bbbbbbbbbbbb: Pushed
cccccccccccc: Mounted from team/base
latest: digest: ${digest} size: 527
`,
      stderr: "",
    });
  });

  test("all tags, one platform, quiet, and mistakes", async () => {
    setup.engine.handle(imagePush, ({ allTags }) => ({
      repository: "127.0.0.1:5000/app",
      tags: (allTags ? ["a", "b"] : ["1"]).map((tag) => ({ tag, digest, size: 5 })),
    }));
    const all = await setup.run(["image", "push", "-a", "127.0.0.1:5000/app"]);
    assert.equal(
      all.stdout,
      `The push refers to repository [127.0.0.1:5000/app]\na: digest: ${digest} size: 5\nb: digest: ${digest} size: 5\n`,
    );
    const quiet = await setup.run(["push", "-q", "--platform", "linux/arm64", "127.0.0.1:5000/app:1"], {
      DOCKER_CONFIG: "/config",
    });
    assert.deepEqual(quiet, { code: 0, stdout: "127.0.0.1:5000/app:1\n", stderr: "" });
    assert.deepEqual(setup.engine.calls.at(-1)?.params, {
      reference: "127.0.0.1:5000/app:1",
      platform: "linux/arm64",
      dockerConfig: "/config",
    });
    setup.engine.handle(imagePush, () => ({
      repository: "docker.io/library/app",
      tags: [{ tag: "1", digest, size: 5, insteadOfIndex: "sha256:index" }],
    }));
    const { stderr } = await setup.run(["push", "app:1"]);
    assert.equal(
      stderr,
      `Not all multiplatform-content is present and only the available single-platform image was pushed\nsha256:index -> ${digest}\n`,
    );
    assert.deepEqual(await setup.run(["push", "-a", "app:1"]), {
      code: 1,
      stdout: "",
      stderr: "tag can't be used with --all-tags/-a\n",
    });
    setup.engine.handle(imagePush, () => {
      throw new MockerError("IMAGE_NOT_FOUND", "An image does not exist locally with the tag: app");
    });
    // However it is written, the repository is called by its whole name.
    for (const name of ["app:1", "docker.io/app:1", "index.docker.io/library/app"])
      assert.match((await setup.run(["push", name])).stdout, / \[docker\.io\/library\/app\]\n$/);
    assert.deepEqual(await setup.run(["push", "app:1"]), {
      code: 1,
      stdout: "The push refers to repository [docker.io/library/app]\n",
      stderr: "mocker: An image does not exist locally with the tag: app\n",
    });
  });

  test("Ctrl-C cancels it in the engine and exits 130", async () => {
    let cancelled = false;
    const io = setup.io();
    setup.engine.handle(imagePush, async (_, { token }) => {
      setTimeout(() => io.signal("SIGINT"), 10);
      await new Promise<void>((resolve) => token.onCancellationRequested(() => resolve()));
      cancelled = true;
      throw new MockerError("CANCELLED", "cancelled");
    });
    assert.equal(await main(["push", "app"], io), 130);
    assert.ok(cancelled);
  });
});

test("pull -a pulls every tag, and says at the end what came of it", async () => {
  setup.engine
    .handle(registryTags, () => ({ tags: ["1", "2"] }))
    .handle(imagePull, ({ reference, progressToken = "" }, { progress }) => {
      progress(progressToken, { layer: "", status: "pulling", message: "Pulling from library/app" });
      return {
        id: "x",
        digest,
        reference: `docker.io/library/${reference}`,
        upToDate: reference.endsWith("1"),
      };
    });
  assert.deepEqual(await setup.run(["pull", "-a", "app"]), {
    code: 0,
    stdout: `1: Pulling from library/app
Digest: ${digest}
2: Pulling from library/app
Digest: ${digest}
Status: Downloaded newer image for app
docker.io/library/app
`,
    stderr: "",
  });
  assert.equal((await setup.run(["pull", "-a", "-q", "app"])).stdout, "docker.io/library/app\n");
  for (const reference of ["app:1", `app@${digest}`, "oci:folder"])
    assert.equal(
      (await setup.run(["pull", "--all-tags", reference])).stderr,
      "tag can't be used with --all-tags/-a\n",
    );
});

describe("login", () => {
  test("by flags and by standard input, with Docker's warnings", async () => {
    setup.engine.handle(registryLogin, () => ({ storedIn: "/home/me/.docker/config.json" }));
    assert.deepEqual(await setup.run(["login", "-u", "me", "-p", "secret", "ghcr.io"]), {
      code: 0,
      stdout: "Login Succeeded\n",
      stderr: insecure + unencrypted,
    });
    assert.deepEqual(setup.engine.calls[0]?.params, {
      server: "ghcr.io",
      username: "me",
      password: "secret",
    });

    setup.engine.handle(registryLogin, () => ({}));
    for (const [text, password] of [
      ["secret\n", "secret"],
      ["se cret\r\n", "se cret"],
      ["two\nlines\n", "two\nlines"],
      ["bare", "bare"],
    ] as const) {
      const io = setup.io();
      io.stdin.end(text);
      assert.equal(await main(["login", "-u", "me", "--password-stdin"], io), 0);
      assert.deepEqual([io.output(), io.errors()], ["Login Succeeded\n", ""]);
      assert.deepEqual(setup.engine.calls.at(-1)?.params, { server: "", username: "me", password });
    }
  });

  test("mistakes, and a password that is wrong", async () => {
    setup.engine
      .handle(registryLoginName, () => ({ username: "", server: "ghcr.io" }))
      .handle(registryLogin, () => {
        throw new MockerError(
          "UNAUTHORIZED",
          "login attempt to https://ghcr.io/v2/ failed with status: 401 Unauthorized",
          {
            hint: "Check it.",
          },
        );
      });
    for (const [args, stderr] of [
      [
        ["-u", "me", "-p", "x", "--password-stdin"],
        `${insecure}conflicting options: cannot specify both --password and --password-stdin\n`,
      ],
      [["--password-stdin"], "the --password-stdin option requires --username to be set\n"],
      [[], "Error: Cannot perform an interactive login from a non TTY device\n"],
      [["-u", "me"], "Error: Cannot perform an interactive login from a non TTY device\n"],
      [
        ["-u", "me", "-p", "x"],
        `${insecure}mocker: login attempt to https://ghcr.io/v2/ failed with status: 401 Unauthorized\nhint: Check it.\n`,
      ],
    ] as const)
      assert.deepEqual(await setup.run(["login", ...args, "ghcr.io"]), { code: 1, stdout: "", stderr });
  });

  test("what is kept is tried first", async () => {
    const announcement =
      "Authenticating with existing credentials... [Username: me]\n\n Info -> To login with a different account, run 'mocker logout' followed by 'mocker login'\n\n\n";
    setup.engine
      .handle(registryLoginName, () => ({ username: "me", server: "ghcr.io" }))
      .handle(registryLogin, () => ({}));
    assert.deepEqual(await setup.run(["login", "ghcr.io"]), {
      code: 0,
      stdout: "Login Succeeded\n",
      stderr: announcement,
    });
    assert.deepEqual(setup.engine.calls.at(-1)?.params, { server: "ghcr.io", username: "me" });
    setup.engine.handle(registryLogin, () => {
      throw new MockerError("UNAUTHORIZED", "unauthorized: incorrect username or password");
    });
    assert.deepEqual(await setup.run(["login", "ghcr.io"]), {
      code: 1,
      stdout: "",
      stderr: `${announcement}Login did not succeed, error: unauthorized: incorrect username or password\nError: Cannot perform an interactive login from a non TTY device\n`,
    });
  });

  /** Types at a terminal; each text once the output ends with its prompt. */
  async function type(io: TestIo, answers: readonly [prompt: string, text: string][]): Promise<void> {
    for (const [prompt, text] of answers) {
      while (!io.output().endsWith(prompt)) await setImmediate();
      io.stdin.write(text);
    }
  }

  test("at a terminal name and password are asked for; the password is not shown", async () => {
    setup.engine
      .handle(registryLoginName, ({ server }) => ({
        username: "",
        server: server || "https://index.docker.io/v1/",
      }))
      .handle(registryLogin, () => ({}));
    const io = setup.io({ terminal: { rows: 24, columns: 80 } });
    const done = main(["login", "ghcr.io"], io);
    // A slip of the finger in raw mode, too.
    await type(io, [
      ["Username: ", "me\n"],
      ["Password: ", "secr\u007fret\r"],
    ]);
    assert.equal(await done, 0);
    assert.equal(io.output(), "Username: Password: \nLogin Succeeded\n");
    assert.deepEqual(io.rawModes, [true, false]);
    assert.deepEqual(setup.engine.calls.at(-1)?.params, {
      server: "ghcr.io",
      username: "me",
      password: "secret",
    });

    const hub = setup.io({ terminal: { rows: 24, columns: 80 } });
    const pasted = main(["login"], hub);
    await type(hub, [["Username: ", "me\nsecret\n"]]);
    assert.equal(await pasted, 0);
    assert.match(hub.output(), /^Log in with your Docker ID .*Personal Access Token/s);
    assert.deepEqual(setup.engine.calls.at(-1)?.params, { server: "", username: "me", password: "secret" });
  });

  test("at a terminal nothing typed is refused, and Ctrl-C ends it with the terminal as it was", async () => {
    setup.engine.handle(registryLoginName, () => ({ username: "", server: "ghcr.io" }));
    for (const [answers, code, stderr] of [
      [[["Username: ", "\n"]], 1, "Error: Non-null Username Required\n"],
      [
        [
          ["Username: ", "me\n"],
          ["Password: ", "\n"],
        ],
        1,
        "Error: Password Required\n",
      ],
      [
        [
          ["Username: ", "me\n"],
          ["Password: ", "sec\u0003"],
        ],
        130,
        "",
      ],
    ] as [[string, string][], number, string][]) {
      const io = setup.io({ terminal: { rows: 24, columns: 80 } });
      const done = main(["login", "ghcr.io"], io);
      await type(io, answers);
      assert.equal(await done, code);
      assert.equal(io.errors(), stderr);
      assert.equal(io.stdin.isRaw, false);
    }
    assert.ok(!setup.engine.methods().includes(registryLogin.method));
  });
});

test("logout", async () => {
  setup.engine.handle(registryLogout, ({ server }) => ({ server }));
  for (const [args, server] of [
    [["ghcr.io"], "ghcr.io"],
    [["https://ghcr.io/v2/"], "ghcr.io"],
    [[], "https://index.docker.io/v1/"],
  ] as const)
    assert.deepEqual(await setup.run(["logout", ...args]), {
      code: 0,
      stdout: `Removing login credentials for ${server}\n`,
      stderr: "",
    });
  setup.engine.handle(registryLogout, () => {
    throw new MockerError("UNAUTHORIZED", "the credential helper failed");
  });
  assert.deepEqual(await setup.run(["logout", "ghcr.io"]), {
    code: 0,
    stdout: "Removing login credentials for ghcr.io\n",
    stderr: "WARNING: could not erase credentials:\nmocker: the credential helper failed\n",
  });
});

test("search prints Docker's columns", async () => {
  setup.engine.handle(imageSearch, () => [
    {
      name: "alpine",
      description: "A minimal Docker image based on Alpine Linux with a complete\nindex",
      stars: 11000,
      official: true,
      automated: false,
    },
    { name: "me/alpine", description: "", stars: 0, official: false, automated: true },
  ]);
  const table = await setup.run([
    "search",
    "--limit",
    "5",
    "--filter",
    "stars=0",
    "-f",
    "is-official=true",
    "alpine",
  ]);
  assert.equal(
    table.stdout,
    `NAME        DESCRIPTION                                     STARS     OFFICIAL
alpine      A minimal Docker image based on Alpine Linux…   11000     [OK]
me/alpine                                                   0         
`,
  );
  assert.deepEqual(setup.engine.calls.at(-1)?.params, {
    term: "alpine",
    limit: 5,
    filters: { stars: ["0"], "is-official": ["true"] },
  });
  assert.match((await setup.run(["search", "--no-trunc", "x"])).stdout, /with a complete index /);
  assert.equal(
    (await setup.run(["search", "--format", "json", "x"])).stdout.split("\n")[1],
    '{"Description":"","IsAutomated":"true","IsOfficial":"false","Name":"me/alpine","StarCount":"0"}',
  );
  assert.equal(
    (await setup.run(["search", "--format", "{{.Name}}:{{.IsOfficial}}", "x"])).stdout,
    "alpine:[OK]\nme/alpine:\n",
  );
});

describe("manifest inspect prints what Docker prints", () => {
  const oci = "application/vnd.oci.image.manifest.v1+json";
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", size: 478, digest };
  const layers = [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", size: 1088263, digest }];
  const text = `${JSON.stringify({ schemaVersion: 2, config, layers })}\n`;
  const platform = { architecture: "arm", os: "linux", variant: "v7" };
  const top: ManifestDocument = { reference: "ghcr.io/a:1", mediaType: oci, digest, text, platform };

  test("a manifest is indented, as its registry has it", async () => {
    setup.engine.handle(manifestInspect, () => ({ top, manifests: [] }));
    assert.equal(
      (await setup.run(["manifest", "inspect", "ghcr.io/a:1"])).stdout,
      `${JSON.stringify(JSON.parse(text), undefined, "\t")}\n\n`,
    );
  });

  test("verbosely, with the descriptor and the bytes", async () => {
    setup.engine.handle(manifestInspect, () => ({ top, manifests: [] }));
    const verbose = await setup.run(["manifest", "inspect", "-v", "--insecure", "ghcr.io/a:1"]);
    const ordered = ({ mediaType, size, digest }: typeof config) => ({ mediaType, digest, size });
    assert.equal(
      verbose.stdout,
      `${JSON.stringify(
        {
          Ref: "ghcr.io/a:1",
          Descriptor: { mediaType: oci, digest, size: Buffer.byteLength(text), platform },
          Raw: Buffer.from(text).toString("base64"),
          OCIManifest: { schemaVersion: 2, config: ordered(config), layers: layers.map(ordered) },
        },
        undefined,
        "\t",
      )}\n`,
    );
    assert.deepEqual(setup.engine.calls.at(-1)?.params, {
      reference: "ghcr.io/a:1",
      insecure: true,
      verbose: true,
    });
  });

  test("an index, made anew as Docker makes it, and its manifests", async () => {
    const index = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [
        {
          digest,
          mediaType: oci,
          size: 7,
          annotations: { a: "b" },
          platform: { os: "linux", architecture: "amd64" },
        },
      ],
    };
    const list: ManifestDocument = { ...top, mediaType: index.mediaType, text: JSON.stringify(index) };
    setup.engine.handle(manifestInspect, ({ verbose }) => ({ top: list, manifests: verbose ? [top] : [] }));
    assert.equal(
      (await setup.run(["manifest", "inspect", "ghcr.io/a:1"])).stdout,
      `{
   "schemaVersion": 2,
   "mediaType": "application/vnd.oci.image.index.v1+json",
   "manifests": [
      {
         "mediaType": "${oci}",
         "size": 7,
         "digest": "${digest}",
         "platform": {
            "architecture": "amd64",
            "os": "linux"
         }
      }
   ]
}
`,
    );
    const verbose = JSON.parse((await setup.run(["manifest", "inspect", "-v", "ghcr.io/a:1"])).stdout);
    assert.equal(verbose.length, 1);
    assert.equal(verbose[0].Ref, "ghcr.io/a:1");
  });
});
