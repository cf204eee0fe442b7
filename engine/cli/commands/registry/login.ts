import type { EngineClient } from "../../../client/engine-client.ts";
import { MockerError, registryLogin, registryLoginName } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import type { Io } from "../../io.ts";
import { askLine, readSecret } from "../../terminal/prompt.ts";
import { dockerConfigOf } from "../image/pull-image.ts";

const flags = {
  password: stringFlag("p", "Password or Personal Access Token (PAT)"),
  "password-stdin": booleanFlag(undefined, "Take the Password or Personal Access Token (PAT) from stdin"),
  username: stringFlag("u", "Username"),
} as const;

const hubHint =
  "Log in with your Docker ID or email address to push and pull images from Docker Hub. If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.\nYou can log in with your password or a Personal Access Token (PAT). Using a limited-scope PAT grants better security and is required for organizations using SSO. Learn more at https://docs.docker.com/go/access-tokens/\n";

export const login = defineCommand({
  summary: "Authenticate to a registry",
  usage: "[OPTIONS] [SERVER]",
  arguments: { min: 0, max: 1 },
  flags,
  async run({ args, flags, given, io, connect }) {
    const server = args[0] ?? "";
    let { username = "", password } = flags;
    if (given.has("password")) {
      io.stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
      if (flags["password-stdin"])
        throw new CommandFailure("conflicting options: cannot specify both --password and --password-stdin");
    }
    if (flags["password-stdin"]) {
      if (username === "")
        throw new CommandFailure("the --password-stdin option requires --username to be set");
      password = await readSecret(io);
    }
    const engine = await connect();
    if (username === "" && password === undefined && (await loginAgain(engine, io, server))) return 0;
    if (username === "" || !password) {
      // As Docker: without a terminal nobody can be asked.
      if (io.stdin.isTTY !== true)
        throw new CommandFailure("Error: Cannot perform an interactive login from a non TTY device");
      ({ username, password } = await ask(engine, io, server, username, password));
    }
    await loginWith(engine, io, { server, username, password });
    return 0;
  },
});

/** With what is kept for the server; false when there is nothing, or it is not good any more. */
async function loginAgain(engine: EngineClient, io: Io, server: string): Promise<boolean> {
  const { username } = await engine.request(registryLoginName, { server, ...dockerConfigOf(io) });
  if (username === "") return false;
  io.stderr.write(`Authenticating with existing credentials... [Username: ${username}]\n\n`);
  io.stderr.write(
    " Info -> To login with a different account, run 'mocker logout' followed by 'mocker login'\n\n\n",
  );
  try {
    await loginWith(engine, io, { server, username });
    return true;
  } catch (error) {
    if (!(error instanceof MockerError)) throw error;
    io.stderr.write(`Login did not succeed, error: ${error.message}\n`);
    return false;
  }
}

async function ask(
  engine: EngineClient,
  io: Io,
  server: string,
  username: string,
  password: string | undefined,
): Promise<{ username: string; password: string }> {
  let name = username;
  if (name === "") {
    const known = await engine.request(registryLoginName, { server, ...dockerConfigOf(io) });
    if (known.server.startsWith("https://index.docker.io")) io.stdout.write(`${hubHint}\n`);
    const remembered = known.username === "" ? "" : ` (${known.username})`;
    name = (await askLine(io, `Username${remembered}: `)).trim() || known.username;
    if (name === "") throw new CommandFailure("Error: Non-null Username Required");
  }
  const secret = password || (await askLine(io, "Password: ", true));
  if (secret === "") throw new CommandFailure("Error: Password Required");
  return { username: name, password: secret };
}

async function loginWith(
  engine: EngineClient,
  io: Io,
  login: { server: string; username: string; password?: string },
): Promise<void> {
  const { storedIn } = await engine.request(registryLogin, { ...login, ...dockerConfigOf(io) });
  if (storedIn !== undefined)
    io.stderr.write(
      `\nWARNING! Your credentials are stored unencrypted in '${storedIn}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n`,
    );
  io.stdout.write("Login Succeeded\n");
}
