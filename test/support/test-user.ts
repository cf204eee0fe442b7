import { chmodSync, existsSync, readFileSync } from "node:fs";
import { needPrograms, runTool } from "./host.ts";

export interface TestUser {
  name: string;
  uid: number;
  gid: number;
  remove(): Promise<void>;
}

const tapDevice = "/dev/net/tun";
const prefix = "mocker-test-";

/** Makes an ordinary user with ranges of subordinate ids, for as long as this process runs. Needs root. */
export async function makeTestUser(home: string): Promise<TestUser> {
  await needPrograms({ useradd: "passwd", newuidmap: "uidmap" });
  await removeStaleUsers();
  // As udev has it: every user may make taps in a network namespace of theirs.
  if (existsSync(tapDevice)) chmodSync(tapDevice, 0o666);
  const name = `${prefix}${process.pid}`;
  await runTool("useradd", ["--no-create-home", "--home-dir", home, "--shell", "/bin/sh", name]);
  const [uid = "", gid = ""] = (await runTool("sh", ["-c", `id -u ${name}; id -g ${name}`]))
    .trim()
    .split("\n");
  return {
    name,
    uid: Number(uid),
    gid: Number(gid),
    remove: async () => {
      await runTool("userdel", [name]);
    },
  };
}

/** Users of test runs that were killed: their names end in a process id that is gone. */
async function removeStaleUsers(): Promise<void> {
  const names = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":")[0] ?? "")
    .filter((name) => name.startsWith(prefix));
  for (const name of names) {
    if (!existsSync(`/proc/${name.slice(prefix.length)}`)) await runTool("userdel", ["--force", name]);
  }
}
