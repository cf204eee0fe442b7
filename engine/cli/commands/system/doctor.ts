import { type DoctorCheck, engineDoctor } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import type { Io } from "../../io.ts";

const marks: Readonly<Record<DoctorCheck["status"], { mark: string; color: string }>> = {
  ok: { mark: "✓", color: "32" },
  warning: { mark: "!", color: "33" },
  failed: { mark: "✗", color: "31" },
};

/** Colors where they can be seen, and are not unwanted (no-color.org). */
function painter(io: Io): (text: string, color: string) => string {
  const paints = io.stdout.isTTY === true && !io.env.NO_COLOR && io.env.TERM !== "dumb";
  return paints ? (text, color) => `\u001b[${color}m${text}\u001b[0m` : (text) => text;
}

export const doctor = defineCommand({
  summary: "Check what this machine has for running VMs, and say what to do about the rest",
  usage: "",
  arguments: { min: 0, max: 0 },
  flags: {},
  async run({ io, connect }) {
    const paint = painter(io);
    const report = await (await connect()).request0(engineDoctor);
    const width = Math.max(0, ...report.checks.map(({ name }) => name.length));
    for (const { name, status, detail, hint } of report.checks) {
      const { mark, color } = marks[status];
      io.stdout.write(`${paint(mark, color)} ${name.padEnd(width)}  ${detail}\n`);
      if (hint !== undefined) io.stdout.write(`  ${" ".repeat(width)}  ${paint("hint:", "36")} ${hint}\n`);
    }
    io.stdout.write(`\n${report.summary}\n`);
    return report.checks.some(({ status }) => status === "failed") ? 1 : 0;
  },
});
