import { execFile } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { makeDirectory } from "../../../common/make-directory.ts";
import { MockerError } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { refuseRemote } from "../../contexts/endpoint.ts";
import type { Io } from "../../io.ts";
import { unitName, unitPath, unitText } from "./service-unit.ts";

/** @throws MockerError where there is no systemd that knows this user */
async function systemctl(io: Io, ...args: string[]): Promise<void> {
  try {
    await promisify(execFile)("systemctl", ["--user", ...args], { env: { ...io.env } });
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    const reason = said || (error instanceof Error ? error.message : String(error));
    throw new MockerError("FEATURE_UNAVAILABLE", `systemctl --user ${args[0]} failed: ${reason}`, {
      hint: "It needs systemd and a log-in session. Without them start the engine at boot by any command, such as: mocker ps",
    });
  }
}

async function install(io: Io, path: string): Promise<void> {
  const enginePath = io.env.MOCKER_ENGINE || join(__dirname, "engine.js");
  makeDirectory(dirname(path), 0o755);
  writeFileSync(path, unitText(process.execPath, enginePath, io.env));
  await systemctl(io, "daemon-reload");
  await systemctl(io, "enable", unitName);
  io.stdout.write(`${path}\n`);
  const { username } = userInfo();
  if (existsSync(join("/var/lib/systemd/linger", username))) return;
  io.stderr.write(
    `The engine starts when you log in. To start it at boot: loginctl enable-linger ${username}\n`,
  );
}

async function remove(io: Io, path: string): Promise<void> {
  if (!existsSync(path))
    throw new CommandFailure(`mocker: ${path} is not there: the service is not installed`);
  await systemctl(io, "disable", unitName);
  rmSync(path);
  await systemctl(io, "daemon-reload");
}

export const systemServiceCommand = defineCommand({
  summary: "Start the engine, and VMs with a restart policy, at boot (systemd)",
  usage: "install|remove",
  arguments: { min: 1, max: 1 },
  flags: {},
  async run({ args: [verb = ""], io, path }) {
    refuseRemote(io.env, "the service is this machine's", "Run it on that machine.");
    const unit = unitPath(io.env, io.env.HOME || homedir());
    if (verb === "install") await install(io, unit);
    else if (verb === "remove") await remove(io, unit);
    else throw new CommandFailure(`mocker: '${path}' takes install or remove, not "${verb}"`);
    return 0;
  },
});
