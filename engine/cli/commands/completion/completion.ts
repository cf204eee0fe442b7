import { type Command, defineCommand } from "../../command.ts";
import { completionScripts } from "../../completion/scripts.ts";

function completion(shell: keyof typeof completionScripts): Command {
  return defineCommand({
    summary: `Generate the autocompletion script for ${shell}`,
    usage: "",
    arguments: { min: 0, max: 0 },
    flags: {},
    async run({ io }) {
      io.stdout.write(completionScripts[shell]);
      return 0;
    },
  });
}

export const bashCompletion = completion("bash");
export const fishCompletion = completion("fish");
export const zshCompletion = completion("zsh");
