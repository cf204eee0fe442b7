import { setTimeout as sleep } from "node:timers/promises";
import { checkEnd, checkInvariants } from "./invariants.ts";
import { Random } from "./random.ts";
import { Saboteur } from "./saboteur.ts";
import { Trace } from "./trace.ts";
import { Worker } from "./worker.ts";
import { World } from "./world.ts";

export interface CampaignOptions {
  seed: number;
  /** How many processes are to be killed, at least. */
  kills: number;
  /** As the user names it. */
  image: string;
  onRound?(text: string): void;
}

/**
 * Random commands on many VMs, and random kills and hindrances among them; what must be true is checked after
 * each round. @returns what was done @throws Error with what went wrong, the seed and what came before
 */
export async function runCampaign({ seed, kills, image, onRound }: CampaignOptions): Promise<string> {
  const world = new World();
  const random = new Random(seed);
  const trace = new Trace();
  // No hexadecimal digits: a name that is gone would be the beginning of another VM's ID.
  const workers = ["x", "y", "z"].map((prefix) => new Worker(world, random, trace, prefix, image));
  const saboteur = new Saboteur(world, random, trace, workers);
  const began = performance.now();
  let rounds = 0;
  const figures = (): string => {
    const commands = workers.reduce((sum, worker) => sum + worker.commands, 0);
    const all = Object.entries({ ...saboteur.kills, ...saboteur.hindrances });
    const each = all.map(([what, count]) => `${what} ${count}`).join(", ");
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    return `${saboteur.count} kills in ${rounds} rounds, ${commands} commands, ${seconds} s (${each})`;
  };
  try {
    await world.mocker.ok(["pull", "-q", image]);
    while (saboteur.count < kills) {
      trace.isDisturbed = false;
      let isOver = false;
      const endRound = sleep(random.between(1000, 3500)).then(() => {
        isOver = true;
      });
      const until = async (work: () => Promise<void>): Promise<void> => {
        while (!isOver) await work();
      };
      try {
        await Promise.all([
          endRound,
          until(() => saboteur.strike()),
          ...workers.map((worker) => until(() => worker.step())),
        ]);
      } finally {
        isOver = true;
        saboteur.relent();
      }
      trace.say("check");
      await checkInvariants(world, workers);
      rounds++;
      onRound?.(figures());
    }
    await checkEnd(world, workers);
    return figures();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${why}\n--- seed ${seed}, after ${figures()}; what came before:\n${trace.text}`);
  } finally {
    await world.close();
  }
}
