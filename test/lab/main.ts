import { parseArgs } from "node:util";
import { SetupError } from "../support/host.ts";
import { Lab, type LabOptions } from "./lab.ts";

const usage = `Usage: npm run lab -- [OPTIONS] COMMAND [ARG…]
Runs a command in the lab: a QEMU guest on this machine's file system, in which /dev/kvm works.
One COMMAND without arguments is given to a shell.

  --timeout SECONDS  kill the command when it takes longer (default 600)
  --user             run it as an ordinary user
  --memory MIB       the guest's memory (default 6144, or half of the machine's)
  --qemu ARG         one more argument for QEMU (may be repeated)
  --cpu MODEL        QEMU's -cpu (default EPYC)
  --accel VALUE      QEMU's -accel
  --verbose          say how long the boot took
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: splitAtCommand(process.argv.slice(2)),
    allowPositionals: true,
    options: {
      help: { type: "boolean" },
      timeout: { type: "string", default: "600" },
      user: { type: "boolean" },
      memory: { type: "string" },
      qemu: { type: "string", multiple: true },
      cpu: { type: "string" },
      accel: { type: "string" },
      verbose: { type: "boolean" },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const [command] = positionals;
  const timeoutSeconds = Number(values.timeout);
  const memoryMiB = values.memory === undefined ? undefined : Number(values.memory);
  if (command === undefined || !(timeoutSeconds > 0) || (memoryMiB !== undefined && !(memoryMiB >= 512))) {
    process.stderr.write(usage);
    return 2;
  }
  const options: LabOptions = {
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(values.qemu === undefined ? {} : { qemuArgs: values.qemu }),
    ...(values.cpu === undefined ? {} : { cpu: values.cpu }),
    ...(values.accel === undefined ? {} : { accelerator: values.accel }),
  };
  const lab = await Lab.boot(options);
  if (values.verbose) process.stderr.write(`lab: ${lab.hello.kernel} is up after ${lab.bootMs} ms\n`);
  const started = performance.now();
  try {
    const result = await lab.run(positionals.length === 1 ? ["/bin/sh", "-c", command] : positionals, {
      timeoutMs: timeoutSeconds * 1000,
      asUser: values.user === true,
      onStdout: (data) => process.stdout.write(data),
      onStderr: (data) => process.stderr.write(data),
    });
    if (values.verbose) {
      process.stderr.write(`lab: exit ${result.code} after ${Math.round(performance.now() - started)} ms\n`);
    }
    if (result.timedOut) {
      const tail = lab.consoleTail();
      process.stderr.write(
        `lab: killed after ${timeoutSeconds} s (--timeout)${tail === "" ? "" : `\n${tail}`}\n`,
      );
      return 124;
    }
    return result.code;
  } finally {
    await lab.close();
  }
}

/** Options end at the command: what follows is the command's own. */
function splitAtCommand(args: string[]): string[] {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--") return args;
    if (!arg.startsWith("-")) return [...args.slice(0, i), "--", ...args.slice(i)];
    if (/^--(timeout|memory|qemu|cpu|accel)$/.test(arg)) i++;
  }
  return args;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => process.exit(signal === "SIGINT" ? 130 : 143));
}
main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const known = error instanceof SetupError || (error instanceof Error && "code" in error);
    process.stderr.write(
      `lab: ${known ? (error as Error).message : String((error as Error)?.stack ?? error)}\n`,
    );
    process.exit(2);
  },
);
