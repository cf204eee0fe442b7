/**
 * Usage errors. The texts are those of docker 28.2.2 with its name replaced, recorded from it without a
 * daemon.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { runOffline } from "./harness.ts";

const runUsage =
  "Usage:  mocker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'mocker run --help' for more information\n";

interface Case {
  argv: string[];
  code: number;
  stderr: string;
}

const runFlagErrors: [string[], string][] = [
  [["--foo", "x"], "unknown flag: --foo"],
  [["-Q", "x"], "unknown shorthand flag: 'Q' in -Q"],
  [["-iQx", "x"], "unknown shorthand flag: 'Q' in -Qx"],
  [["--name"], "flag needs an argument: --name"],
  [["-e"], "flag needs an argument: 'e' in -e"],
  [["-ie"], "flag needs an argument: 'e' in -e"],
  [["-m", "abc", "img"], 'invalid argument "abc" for "-m, --memory" flag: invalid size: \'abc\''],
  [["-m", "1x", "img"], 'invalid argument "1x" for "-m, --memory" flag: invalid suffix: \'x\''],
  [
    ["--rm=maybe", "img"],
    'invalid argument "maybe" for "--rm" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
  ],
  [
    ["--stop-timeout", "x", "img"],
    'invalid argument "x" for "--stop-timeout" flag: strconv.ParseInt: parsing "x": invalid syntax',
  ],
  [["-e", "=x", "img"], 'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x'],
  [["-l", "=x", "img"], 'invalid argument "=x" for "-l, --label" flag: invalid label \'=x\': empty name'],
  [["-l", "", "img"], 'invalid argument "" for "-l, --label" flag: invalid label \'\': empty name'],
  [["--mount", "src=a", "img"], 'invalid argument "src=a" for "--mount" flag: target is required'],
  [
    ["--mount", "type=bind,src=a,target=/b,foo=bar", "img"],
    "invalid argument \"type=bind,src=a,target=/b,foo=bar\" for \"--mount\" flag: unexpected key 'foo' in 'foo=bar'",
  ],
  [
    ["--mount", "type=bind,source=/a,target=/b,readonly=maybe", "img"],
    'invalid argument "type=bind,source=/a,target=/b,readonly=maybe" for "--mount" flag: invalid value for readonly: maybe',
  ],
  [
    ["--mount", "type=bind,source=/a,target=/b,", "img"],
    'invalid argument "type=bind,source=/a,target=/b," for "--mount" flag: invalid field \'\' must be a key=value pair',
  ],
];

const cases: Case[] = [
  ...runFlagErrors.map(([argv, message]) => ({
    argv: ["run", ...argv],
    code: 125,
    stderr: `${message}\n\n${runUsage}`,
  })),
  {
    argv: ["run", "--cpus", "abc", "img"],
    code: 125,
    stderr: `invalid argument "abc" for "--cpus" flag: failed to parse abc as a rational number\n\n${runUsage}`,
  },
  {
    argv: ["run"],
    code: 1,
    stderr:
      "mocker: 'mocker run' requires at least 1 argument\n\nUsage:  mocker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'mocker run --help' for more information\n",
  },
  {
    argv: ["run", "--name="],
    code: 1,
    stderr:
      "mocker: 'mocker run' requires at least 1 argument\n\nUsage:  mocker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'mocker run --help' for more information\n",
  },
  {
    argv: ["run", "--pull", "sometimes", "img"],
    code: 125,
    stderr:
      'mocker: invalid pull option: \'sometimes\': must be one of "always", "missing" or "never"\n\nRun \'mocker run --help\' for more information\n',
  },
  {
    argv: ["run", "-v", ":/b", "img"],
    code: 125,
    stderr:
      "mocker: invalid spec: :/b: empty section between colons\n\nRun 'mocker run --help' for more information\n",
  },
  {
    argv: ["run", "--env-file", "/nonexistent/file", "img"],
    code: 125,
    stderr:
      "mocker: open /nonexistent/file: no such file or directory\n\nRun 'mocker run --help' for more information\n",
  },
  {
    argv: ["run", "--label-file", "/nonexistent/file", "img"],
    code: 125,
    stderr:
      "mocker: open /nonexistent/file: no such file or directory\n\nRun 'mocker run --help' for more information\n",
  },
  {
    argv: ["run", ""],
    code: 125,
    stderr: "mocker: invalid reference format\n\nRun 'mocker run --help' for more information\n",
  },
  { argv: ["run", "-it", "img"], code: 1, stderr: "the input device is not a TTY\n" },
  {
    argv: ["run", "-d", "-a", "stdout", "img"],
    code: 1,
    stderr: "conflicting options: cannot specify both --attach and --detach\n",
  },
  {
    argv: ["exec", "c"],
    code: 1,
    stderr:
      "mocker: 'mocker exec' requires at least 2 arguments\n\nUsage:  mocker exec [OPTIONS] CONTAINER COMMAND [ARG...]\n\nSee 'mocker exec --help' for more information\n",
  },
  {
    argv: ["logs", "a", "b"],
    code: 1,
    stderr:
      "mocker: 'mocker logs' requires 1 argument\n\nUsage:  mocker logs [OPTIONS] CONTAINER\n\nRun 'mocker logs --help' for more information\n",
  },
  {
    argv: ["ps", "extra"],
    code: 1,
    stderr:
      "mocker: 'mocker ps' accepts no arguments\n\nUsage:  mocker ps [OPTIONS]\n\nRun 'mocker ps --help' for more information\n",
  },
  {
    argv: ["ps", "-a", "--", "x"],
    code: 1,
    stderr:
      "mocker: 'mocker ps' accepts no arguments\n\nUsage:  mocker ps [OPTIONS]\n\nRun 'mocker ps --help' for more information\n",
  },
  {
    argv: ["ps", "-anx"],
    code: 125,
    stderr:
      'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax\n\nUsage:  mocker ps [OPTIONS]\n\nRun \'mocker ps --help\' for more information\n',
  },
  {
    argv: ["ps", "--filter", "xx"],
    code: 125,
    stderr:
      'invalid argument "xx" for "-f, --filter" flag: bad format of filter (expected name=value)\n\nUsage:  mocker ps [OPTIONS]\n\nRun \'mocker ps --help\' for more information\n',
  },
  {
    argv: ["ps", "--format", "{{.Foo"],
    code: 1,
    stderr: "failed to parse template: template: :1: unclosed action\n",
  },
  {
    argv: ["ps", "--format", "{{.Foo}}"],
    code: 1,
    stderr:
      'failed to execute template: template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type *formatter.ContainerContext\n',
  },
  {
    argv: ["ps", "--format", "{{foo .ID}}"],
    code: 1,
    stderr: 'failed to parse template: template: :1: function "foo" not defined\n',
  },
  {
    argv: ["inspect", "-f", "{{.Foo", "x"],
    code: 64,
    stderr: "template parsing error: template: :1: unclosed action\n",
  },
  {
    argv: ["container", "ls", "x"],
    code: 1,
    stderr:
      "mocker: 'mocker container ls' accepts no arguments\n\nUsage:  mocker container ls [OPTIONS]\n\nRun 'mocker container ls --help' for more information\n",
  },
  {
    argv: ["container", "ps", "x"],
    code: 1,
    stderr:
      "mocker: 'mocker container ls' accepts no arguments\n\nUsage:  mocker container ls [OPTIONS]\n\nRun 'mocker container ls --help' for more information\n",
  },
  {
    argv: ["container", "foo"],
    code: 1,
    stderr:
      "mocker: unknown command: mocker container foo\n\nUsage:  mocker container\n\nRun 'mocker container --help' for more information\n",
  },
  {
    argv: ["foo"],
    code: 1,
    stderr: "mocker: unknown command: mocker foo\n\nRun 'mocker --help' for more information\n",
  },
  {
    argv: ["constructor"],
    code: 1,
    stderr: "mocker: unknown command: mocker constructor\n\nRun 'mocker --help' for more information\n",
  },
  {
    argv: ["swarm", "init"],
    code: 1,
    stderr:
      "mocker: mocker swarm is not supported: Mocker runs VMs on this machine, not on a swarm of them; start each VM with: mocker run -d\n",
  },
  {
    argv: ["compose", "up", "-d"],
    code: 1,
    stderr:
      "mocker: mocker compose is not supported: not yet; start each service with: mocker run -d --network NETWORK --name SERVICE\n",
  },
  {
    argv: ["image", "build", "."],
    code: 1,
    stderr:
      "mocker: mocker image build is not supported: not yet; build the image elsewhere, then: docker save IMAGE | mocker load, or mocker pull it from a registry\n",
  },
  {
    argv: ["help", "buildx"],
    code: 1,
    stderr:
      "mocker: mocker buildx is not supported: not yet; build the image elsewhere, then: docker save IMAGE | mocker load, or mocker pull it from a registry\n",
  },
  { argv: ["help", "toString"], code: 1, stderr: "unknown help topic: toString\n" },
  { argv: ["help", "foo"], code: 1, stderr: "unknown help topic: foo\n" },
  {
    argv: ["--foo"],
    code: 125,
    stderr:
      "unknown flag: --foo\n\nUsage:  mocker [OPTIONS] COMMAND [ARG...]\n\nRun 'mocker --help' for more information\n",
  },
  {
    argv: ["start", "-a", "b", "c"],
    code: 1,
    stderr: "you cannot start and attach multiple containers at once\n",
  },
  {
    argv: ["wait", "-x", "a"],
    code: 125,
    stderr:
      "unknown shorthand flag: 'x' in -x\n\nUsage:  mocker wait CONTAINER [CONTAINER...]\n\nRun 'mocker wait --help' for more information\n",
  },
  {
    argv: ["rm", "-xf", "a"],
    code: 125,
    stderr:
      "unknown shorthand flag: 'x' in -xf\n\nUsage:  mocker rm [OPTIONS] CONTAINER [CONTAINER...]\n\nRun 'mocker rm --help' for more information\n",
  },
  {
    argv: ["inspect", "--type", "foo", "x"],
    code: 1,
    stderr: 'unknown type: "foo": must be one of "container", "image", "network", "vm", "volume"\n',
  },
];

describe("usage errors", () => {
  for (const { argv, code, stderr } of cases) {
    test(`mocker ${argv.join(" ")}`, async () => {
      assert.deepEqual(await runOffline(argv), { code, stdout: "", stderr });
    });
  }

  const dir = mkdtempSync(join(tmpdir(), "mocker-cli-"));
  after(() => rmSync(dir, { recursive: true }));

  test("a container ID file that exists", async () => {
    const file = join(dir, "cid");
    writeFileSync(file, "");
    const { code, stderr } = await runOffline(["run", "--cidfile", file, "img"]);
    assert.equal(code, 125);
    assert.match(
      stderr,
      /^mocker: container ID file found, make sure the other container isn't running or delete /,
    );
  });

  const envFiles: [string, Buffer, string][] = [
    ["spaces", Buffer.from("A=1\nB C=2\n"), "variable 'B C' contains whitespaces"],
    ["no name", Buffer.from("=x\n"), "no variable name on line '=x'"],
    ["not UTF-8", Buffer.from([0xff, 0x0a]), "invalid utf8 bytes at line 1: [255]"],
  ];
  for (const [name, content, reason] of envFiles) {
    test(`an env file with ${name}`, async () => {
      const file = join(dir, name);
      writeFileSync(file, content);
      assert.deepEqual(await runOffline(["run", "--env-file", file, "img"]), {
        code: 125,
        stdout: "",
        stderr: `mocker: invalid env file (${file}): ${reason}\n\nRun 'mocker run --help' for more information\n`,
      });
    });
  }
});

describe("help", () => {
  test("`rm --help` is laid out as Docker's", async () => {
    const expected = `Usage:  mocker rm [OPTIONS] CONTAINER [CONTAINER...]

Remove one or more containers

Aliases:
  mocker container rm, mocker container remove, mocker rm

Options:
  -f, --force     Force the removal of a running container (uses SIGKILL)
  -v, --volumes   Remove anonymous volumes associated with the container
`;
    assert.deepEqual(await runOffline(["rm", "--help"]), { code: 0, stdout: expected, stderr: "" });
    assert.equal((await runOffline(["help", "rm"])).stdout, expected);
    assert.equal((await runOffline(["rm", "-h"])).stdout, expected);
  });

  test("descriptions are wrapped at Docker's places", async () => {
    const { stdout } = await runOffline(["attach", "--help"]);
    assert.ok(
      stdout.endsWith(`Options:
      --detach-keys string   Override the key sequence for detaching a
                             container
      --no-stdin             Do not attach STDIN
      --sig-proxy            Proxy all received signals to the process
                             (default true)
`),
      stdout,
    );
  });

  test("the program lists its commands, each group its own", async () => {
    // As in Docker, help that was not asked for is no output.
    const { code, stdout: none, stderr: stdout } = await runOffline([]);
    assert.deepEqual([code, none], [0, ""]);
    assert.match(stdout, /^Usage: {2}mocker \[OPTIONS\] COMMAND\n/);
    assert.match(stdout, /^ {2}run {9}Create and run a new container from an image$/m);
    assert.equal((await runOffline(["--help"])).stdout, stdout);
    assert.equal((await runOffline(["help"])).stdout, stdout);
    const image = await runOffline(["image"]);
    assert.match(image.stderr, /^ {2}ls {10}List images$/m);
    assert.equal(image.code, 0);
  });

  test("-h is run's hostname, not help", async () => {
    const { code, stderr } = await runOffline(["run", "-h"]);
    assert.equal(code, 125);
    assert.match(stderr, /^flag needs an argument: 'h' in -h\n/);
  });

  test("the version", async () => {
    const { code, stdout } = await runOffline(["--version"]);
    assert.equal(code, 0);
    assert.match(stdout, /^Mocker version \d+\.\d+\.\d+\n$/);
    assert.equal((await runOffline(["-v"])).stdout, stdout);
  });
});
