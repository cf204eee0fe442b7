import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { StreamRef } from "../../../protocol/stream.ts";

type Claim = (socket: Socket) => void;

const claimTimeoutMs = 30_000;

/** Streams that replies have named and clients have yet to open. A token is good once, for half a minute. */
export class Streams {
  readonly #claims = new Map<string, { claim: Claim; timer: NodeJS.Timeout }>();

  offer(claim: Claim): StreamRef {
    const token = randomBytes(16).toString("hex");
    const timer = setTimeout(() => this.#claims.delete(token), claimTimeoutMs);
    timer.unref();
    this.#claims.set(token, { claim, timer });
    return { token };
  }

  /** False when nobody offered this token, or somebody has it already. */
  open(token: string, socket: Socket): boolean {
    const offer = this.#claims.get(token);
    if (!offer) return false;
    this.#claims.delete(token);
    clearTimeout(offer.timer);
    offer.claim(socket);
    return true;
  }
}
