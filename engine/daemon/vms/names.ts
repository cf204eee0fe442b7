import { randomInt } from "node:crypto";
import { MockerError } from "../../protocol/errors.ts";

const adjectives =
  "amber bold brave bright brisk calm clever cosmic crisp daring eager fancy fearless fleet gentle golden happy humble jolly keen kind lively lucid lucky mellow merry nimble noble patient plucky proud quick quiet quirky rapid serene sharp silent sleepy smart snappy steady sunny swift tidy vivid warm witty zealous zesty".split(
    " ",
  );
const surnames =
  "allen babbage backus bartik boole borg cerf church codd conway curry dijkstra engelbart floyd goldberg hamilton hoare holberton hopper jacobson johnson kay kernighan knuth lamarr lamport liskov lovelace mccarthy mcilroy minsky moore naur neumann perlis postel ritchie sammet shannon stallman sutherland tanenbaum tarjan thompson torvalds turing wilkes wirth wozniak zuse".split(
    " ",
  );

/** A name such as `brave_hopper` that is not taken. */
export function generateName(isTaken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const base = `${adjectives[randomInt(adjectives.length)]}_${surnames[randomInt(surnames.length)]}`;
    const name = attempt < 10 ? base : `${base}${randomInt(10 ** Math.min(attempt - 8, 9))}`;
    if (!isTaken(name)) return name;
  }
}

/**
 * Docker's rule for names. @throws INVALID_ARGUMENT whose message begins with `prefix`: that of a rename,
 * which has the name with its slash
 */
export function checkName(name: string, prefix = ""): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `${prefix}Invalid container name (${prefix === "" ? "" : "/"}${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
}
